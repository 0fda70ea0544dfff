"""Great Expectations suites as code, one module a guarded table, and the gate that runs them."""
