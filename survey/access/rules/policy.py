"""What the browser may load on a page of ours (Content-Security-Policy)."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
WITH_SCRIPT = POLICY + "; script-src 'self'"
