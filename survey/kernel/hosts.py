"""Names of machines."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: a `localhost` name or a loopback IP address.

    No name is looked up.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
