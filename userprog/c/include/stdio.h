/* stdio.h: under Faultline everything is in one header. */
#include "../faultline.h"
