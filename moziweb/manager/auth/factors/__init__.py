"""Second factors: authenticator apps (TOTP), recovery codes, passkeys (WebAuthn)."""
