// The definitions of Boost.JSON, used header-only. Alone in a source file: where another room has the same, the linker takes one of the
// two objects from the archives and leaves the other.
#include <boost/json/src.hpp>
