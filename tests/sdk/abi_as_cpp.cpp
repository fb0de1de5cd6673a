// The header alone, as C++.
#include "baton/sdk/abi.h"
