"""What a provider can see who runs the mail or the network, and what helps."""


def network_advice(provider: str) -> str:
    """Sentences for whoever opens a survey: what the provider can see, and what to do about it.

    >>> network_advice("Brightline IT").partition(".")[0]
    'Whoever runs them can see who answered and when, never which comment somebody wrote'
    """
    return (
        "Whoever runs them can see who answered and when, never which comment somebody wrote."
        f" What helps: let somebody other than {provider} keep the logs of mail and network, and"
        " tell staff that they can answer outside the office network, for example on a phone with"
        " mobile data. A second key that an employee representative holds keeps the answers safe"
        " from whoever runs the server."
    )
