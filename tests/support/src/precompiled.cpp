// Carries the header that tests share where BATON_PRECOMPILE_TESTS is on.
int main() {}
