"""Authentication: accounts, passwords, sessions, cookies, CSRF tokens, the sign-in throttle."""
