"""Plan to running program: lower, bind, run, profile, save."""
