/* library.c: printing, and the functions on memory and text that C programs (and compilers, of their own accord) call. */
#include "faultline.h"

/* A compiler that sees a loop which copies or measures may call memcpy or strlen for it: here that would be a call of itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

enum { LINE_MAX = 512 }; /* bytes that printf gathers before it writes */

/* ---- Printing. Text goes byte by byte into a Sink; a Spec is what stands between % and the conversion's letter. ---- */

typedef struct {
    char *buffer;
    size_t size, used; /* bytes there are, bytes filled */
    size_t total;      /* length of the whole text so far */
    bool console;      /* a full buffer goes to the console and is filled again; else the rest is dropped */
} Sink;

typedef struct {
    bool left, plus, space, alternate, zero;
    int width, precision; /* precision -1: none given */
} Spec;

static void format_text(Sink *sink, const char *format, va_list arguments);

int vprintf(const char *format, va_list arguments) {
    char line[LINE_MAX];
    Sink sink = {.buffer = line, .size = sizeof line, .console = true};
    format_text(&sink, format, arguments);
    if (sink.used > 0)
        write(STDOUT_FILENO, line, (unsigned)sink.used);
    return (int)sink.total;
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments) {
    Sink sink = {.buffer = buffer, .size = size > 0 ? size - 1 : 0};
    format_text(&sink, format, arguments);
    if (size > 0)
        buffer[sink.used] = 0;
    return (int)sink.total;
}

int printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vprintf(format, arguments);
    va_end(arguments);
    return length;
}

int snprintf(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

int puts(const char *line) { return printf("%s\n", line); }

int putchar(int byte) {
    char one = (char)byte;
    write(STDOUT_FILENO, &one, 1);
    return (unsigned char)byte;
}

static void put(Sink *sink, char byte) {
    if (sink->used == sink->size && sink->console) {
        write(STDOUT_FILENO, sink->buffer, (unsigned)sink->used);
        sink->used = 0;
    }
    if (sink->used < sink->size)
        sink->buffer[sink->used++] = byte;
    sink->total++;
}

static void put_many(Sink *sink, char byte, int times) {
    while (times-- > 0)
        put(sink, byte);
}

/* One value: `sign` ("-", "0x", ..), then `zeros` zeros, then `n` bytes, padded to the width. */
static void put_value(Sink *sink, const Spec *spec, const char *sign, int zeros, const char *bytes, int n) {
    int padding = spec->width - (int)strlen(sign) - zeros - n;
    if (spec->zero && !spec->left && padding > 0) {
        zeros += padding;
        padding = 0;
    }
    if (!spec->left)
        put_many(sink, ' ', padding);
    while (*sign != 0)
        put(sink, *sign++);
    put_many(sink, '0', zeros);
    for (int i = 0; i < n; i++)
        put(sink, bytes[i]);
    if (spec->left)
        put_many(sink, ' ', padding);
}

/* The digits of `value`, ending just before `end`; where they begin. No digit for 0. */
static char *digits_before(char *end, uint64_t value, unsigned base, const char *alphabet) {
    for (; value != 0; value /= base)
        *--end = alphabet[value % base];
    return end;
}

static void put_integer(Sink *sink, Spec spec, uint64_t value, const char *sign, unsigned base, const char *alphabet) {
    char digits[64], *end = digits + sizeof digits;
    const char *first = digits_before(end, value, base, alphabet);
    int n = (int)(end - first);
    if (spec.precision >= 0)
        spec.zero = false;
    int least = spec.precision >= 0 ? spec.precision : 1;
    put_value(sink, &spec, sign, least > n ? least - n : 0, first, n);
}

static const char *sign_of(bool negative, const Spec *spec) {
    return negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
}

/* %f with at most 15 digits behind the point. From 2^64 on the number is shown as d.ddde+NN. */
static void put_double(Sink *sink, Spec spec, double value) {
    const char *sign = sign_of(__builtin_signbit(value), &spec);
    value = __builtin_signbit(value) ? -value : value;
    if (!(value <= __DBL_MAX__)) {
        spec.zero = false;
        put_value(sink, &spec, sign, 0, value != value ? "nan" : "inf", 3);
        return;
    }
    char text[48], *end = text + sizeof text;
    int places = spec.precision < 0 ? 6 : spec.precision > 15 ? 15 : spec.precision;
    int exponent = 0;
    if (value >= 0x1p64) {
        for (; value >= 10; value /= 10)
            exponent++;
        for (int rest = exponent, i = 0; rest > 0 || i < 2; rest /= 10, i++)
            *--end = (char)('0' + rest % 10);
        *--end = '+';
        *--end = 'e';
    }
    uint64_t scale = 1, whole = (uint64_t)value;
    for (int i = 0; i < places; i++)
        scale *= 10;
    double scaled = (value - (double)whole) * (double)scale;
    uint64_t fraction = (uint64_t)scaled;
    double rest = scaled - (double)fraction;
    if (rest > 0.5 || (rest == 0.5 && ((places > 0 ? fraction : whole) & 1) != 0))
        fraction++;
    whole += fraction / scale;
    fraction %= scale;
    char *first = end;
    for (int i = 0; i < places; i++, fraction /= 10)
        *--first = (char)('0' + fraction % 10);
    if (places > 0 || spec.alternate)
        *--first = '.';
    if (whole == 0)
        *--first = '0';
    first = digits_before(first, whole, 10, "0123456789");
    put_value(sink, &spec, sign, 0, first, (int)(text + sizeof text - first));
}

static void put_string(Sink *sink, Spec spec, const char *text) {
    int n = 0;
    if (text == NULL)
        text = "(null)";
    while ((spec.precision < 0 || n < spec.precision) && text[n] != 0)
        n++;
    spec.zero = false;
    put_value(sink, &spec, "", 0, text, n);
}

/* A number in the format: digits, or * for the next argument. */
static const char *read_number(const char *at, int *number, int star) {
    if (*at == '*') {
        *number = star;
        return at + 1;
    }
    for (*number = 0; *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (*at - '0');
    return at;
}

/* The arguments that are still to come; in a struct, so that a function can take one for its caller. */
typedef struct {
    va_list list;
} Arguments;

/* The next integer of the given length: 'H' is hh, 'h' h, 'l' any of l ll z t j, 0 none. */
static int64_t next_signed(Arguments *rest, char length) {
    if (length == 'l')
        return va_arg(rest->list, int64_t);
    int value = va_arg(rest->list, int);
    return length == 'H' ? (signed char)value : length == 'h' ? (short)value : value;
}

static uint64_t next_unsigned(Arguments *rest, char length) {
    if (length == 'l')
        return va_arg(rest->list, uint64_t);
    unsigned value = va_arg(rest->list, unsigned);
    return length == 'H' ? (unsigned char)value : length == 'h' ? (unsigned short)value : value;
}

static void format_text(Sink *sink, const char *format, va_list arguments) {
    Arguments rest;
    va_copy(rest.list, arguments);
    for (const char *at = format; *at != 0; at++) {
        if (*at != '%') {
            put(sink, *at);
            continue;
        }
        const char *start = at++;
        Spec spec = {.precision = -1};
        for (;; at++) {
            if (*at == '-') spec.left = true;
            else if (*at == '+') spec.plus = true;
            else if (*at == ' ') spec.space = true;
            else if (*at == '#') spec.alternate = true;
            else if (*at == '0') spec.zero = true;
            else break;
        }
        at = read_number(at, &spec.width, *at == '*' ? va_arg(rest.list, int) : 0);
        if (spec.width < 0) {
            spec.left = true;
            spec.width = -spec.width;
        }
        if (*at == '.') {
            at++;
            at = read_number(at, &spec.precision, *at == '*' ? va_arg(rest.list, int) : 0);
        }
        char length = 0;
        for (; *at != 0 && strchr("hlztj", *at) != NULL; at++)
            length = *at != 'h' ? 'l' : length == 'h' ? 'H' : 'h';

        switch (*at) {
        case 'd': case 'i': {
            int64_t value = next_signed(&rest, length);
            put_integer(sink, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, sign_of(value < 0, &spec), 10, "0123456789");
            break;
        }
        case 'u': put_integer(sink, spec, next_unsigned(&rest, length), "", 10, "0123456789"); break;
        case 'o': put_integer(sink, spec, next_unsigned(&rest, length), spec.alternate ? "0" : "", 8, "01234567"); break;
        case 'x': case 'X': {
            uint64_t value = next_unsigned(&rest, length);
            const char *prefix = !spec.alternate || value == 0 ? "" : *at == 'x' ? "0x" : "0X";
            put_integer(sink, spec, value, prefix, 16, *at == 'x' ? "0123456789abcdef" : "0123456789ABCDEF");
            break;
        }
        case 'p': put_integer(sink, spec, (uint64_t)va_arg(rest.list, void *), "0x", 16, "0123456789abcdef"); break;
        case 'f': put_double(sink, spec, va_arg(rest.list, double)); break;
        case 's': put_string(sink, spec, va_arg(rest.list, const char *)); break;
        case 'c': {
            char byte = (char)va_arg(rest.list, int);
            spec.zero = false;
            put_value(sink, &spec, "", 0, &byte, 1);
            break;
        }
        case '%': put(sink, '%'); break;
        default: /* no conversion of ours: shown as it stands */
            at -= *at == 0;
            for (; start <= at; start++)
                put(sink, *start);
        }
    }
    va_end(rest.list);
}

/* ---- Memory and text ---- */

void *memcpy(void *to, const void *from, size_t n) {
    void *target = to;
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    if ((uintptr_t)to - (uintptr_t)from >= n)
        return memcpy(to, from, n);
    /* `to` lies inside the source: from the end downwards. */
    char *target = (char *)to + n - 1;
    const char *source = (const char *)from + n - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(target), "+S"(source), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t n) {
    void *target = to;
    __asm__ volatile("rep stosb" : "+D"(target), "+c"(n) : "a"(byte) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *in, int byte, size_t n) {
    for (const unsigned char *at = in; n > 0; n--, at++)
        if (*at == (unsigned char)byte)
            return (void *)at;
    return NULL;
}

size_t strlen(const char *text) {
    const char *end = text;
    while (*end != 0)
        end++;
    return (size_t)(end - text);
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

int strncmp(const char *a, const char *b, size_t n) {
    for (; n > 0; n--, a++, b++)
        if (*a != *b || *a == 0)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

char *strcpy(char *to, const char *from) { return memcpy(to, from, strlen(from) + 1); }

char *strcat(char *to, const char *from) {
    strcpy(to + strlen(to), from);
    return to;
}

char *strchr(const char *in, int byte) { return memchr(in, byte, strlen(in) + 1); }

char *strrchr(const char *in, int byte) {
    const char *found = NULL;
    for (size_t i = 0, n = strlen(in); i <= n; i++)
        if (in[i] == (char)byte)
            found = in + i;
    return (char *)found;
}

char *strstr(const char *in, const char *text) {
    for (size_t n = strlen(text);; in++) {
        if (strncmp(in, text, n) == 0)
            return (char *)in;
        if (*in == 0)
            return NULL;
    }
}

int atoi(const char *digits) {
    while (*digits == ' ' || (*digits >= '\t' && *digits <= '\r'))
        digits++;
    bool negative = *digits == '-';
    unsigned value = 0;
    for (digits += *digits == '-' || *digits == '+'; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (unsigned)(*digits - '0');
    return (int)(negative ? -value : value);
}
