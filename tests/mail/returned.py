"""Returned mail as real servers write it, about a letter of ours."""

TEXT = (
    "Content-Type: text/plain; charset=us-ascii\n\nYour message could not be delivered. 550 5.1.1"
    " <ada@northwind.example> unknown."
)


def headers_of(message_id: str) -> str:
    """Our letter's headers as a server returns them."""
    return (
        "From: Dana Reyes <feedback@northwind.example>\nTo: Ada Berg"
        " <ada@northwind.example>\nSubject: How is our IT support doing?\nDate: Mon, 11 Jan 2027"
        f" 09:00:30 +0000\nMessage-ID: {message_id}\nAuto-Submitted: auto-generated\n"
    )


def report(
    message_id: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    to: str = "feedback@northwind.example",
    returned: str | None = None,
    kind: str = "text/rfc822-headers",
) -> bytes:
    """A notification as Postfix writes it."""
    parts = [
        f"Content-Description: Notification\n{TEXT}",
        (
            "Content-Description: Delivery report\nContent-Type:"
            " message/delivery-status\n\nReporting-MTA: dns;"
            " mail.northwind.example\nX-Postfix-Queue-ID: 4B1C2D3E4F\nArrival-Date: Mon, 11 Jan"
            " 2027 09:00:31 +0000 (GMT)\n\nFinal-Recipient: rfc822;"
            " ada@northwind.example\nOriginal-Recipient: rfc822;ada@northwind.example\nAction:"
            f" {action}\nStatus: {status}\nRemote-MTA: dns; mx.northwind.example\nDiagnostic-Code:"
            " smtp; 550 5.1.1 <ada@northwind.example>: Recipient address rejected:\n    User"
            " unknown"
        ),
        (
            "Content-Description: Undelivered Message Headers\nContent-Type:"
            f" {kind}\n\n{returned or headers_of(message_id)}"
        ),
    ]
    return multipart(parts, to=to)


def multipart(
    parts: list[str],
    *,
    to: str = "feedback@northwind.example",
    head: str = "",
    boundary: str = "4B1C.1799/mail.example",
) -> bytes:
    """A report of these parts."""
    lines = [
        "Return-Path: <>",
        f"To: {to}",
        "From: MAILER-DAEMON@mail.northwind.example (Mail Delivery System)",
        "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        head
        or f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="{boundary}"',
        "Message-Id: <20270111090031.4B1C2D3E4F@mail.northwind.example>",
        "",
        "This is a MIME-encapsulated message.",
        "",
    ]
    body = "".join(f"--{boundary}\n{part}\n\n" for part in parts)
    return ("\n".join(lines) + f"\n{body}--{boundary}--\n").encode().replace(b"\n", b"\r\n")


def exchange(message_id: str) -> bytes:
    """As Microsoft 365 writes it: odd boundary, HTML, the whole letter's headers.

    Among them Microsoft's own; our id is kept in another.
    """
    returned = (
        "Received: from DB9PR01.eurprd01.prod.outlook.com (2603:10a6::1) by AM0.example with"
        " SMTPS\nX-MS-Exchange-Authentication-Results: spf=pass\nX-MS-PublicTrafficType: Email\n"
        + headers_of("<DB9PR01MB1234.eurprd01.prod.outlook.com>")
        + f"X-Microsoft-Original-Message-ID: {message_id}\n"
    )
    parts = [
        (
            "Content-Type: multipart/alternative;"
            ' differences=Content-Type;\n\tboundary="bd2e"\n\n--bd2e\nContent-Type:'
            " text/plain\n\nDelivery has failed.\n--bd2e\nContent-Type:"
            " text/html\n\n<html>failed</html>\n--bd2e--"
        ),
        (
            "Content-Type: message/delivery-status\n\nReporting-MTA:"
            " dns;AM0.eurprd01.prod.outlook.com\nReceived-From-MTA:"
            " dns;DB9PR01.eurprd01.prod.outlook.com\nArrival-Date: Mon, 11 Jan 2027 09:00:32"
            " +0000\n\nFinal-Recipient: rfc822;ada@northwind.example\nAction: failed\nStatus:"
            " 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient"
            " not found by SMTP address lookup\nX-Display-Name: Ada Berg"
        ),
        (
            f"Content-Type: message/rfc822\n\n{returned}MIME-Version: 1.0\nContent-Type:"
            " text/plain\n\nA body with #CODE."
        ),
    ]
    return multipart(parts, boundary="b9B095B5ADSN=_01D9F3A1B2C3D4E500003A2BAM0.eurprd01.pro")


def gmail(message_id: str) -> bytes:
    """As Gmail writes it."""
    parts = [
        (
            'Content-Type: multipart/related; boundary="0000e1"\n\n--0000e1\nContent-Type:'
            " text/html\n\n<html>x</html>\n--0000e1--"
        ),
        (
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns;"
            " googlemail.com\nReceived-From-MTA: dns; feedback@northwind.example\nArrival-Date:"
            " Mon, 11 Jan 2027 01:00:33 -0800 (PST)\nX-Original-Message-ID:"
            f" {message_id}\n\nFinal-Recipient: rfc822; ada@northwind.example\nAction:"
            " failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552-5.2.2 The recipient's inbox is out"
            " of storage space\nLast-Attempt-Date: Mon, 11 Jan 2027 01:00:34 -0800 (PST)"
        ),
        f"Content-Type: message/rfc822\n\n{headers_of(message_id)}Content-Type: text/plain\n\nBody",
    ]
    return multipart(
        parts,
        head='Content-Type: multipart/report; boundary="0000c4"; report-type=delivery-status',
        boundary="0000c4",
    )


def exim(message_id: str) -> bytes:
    """As Exim writes it since 4.86."""
    parts = [
        f"Content-type: text/plain; charset=us-ascii\n\n{TEXT}",
        (
            "Content-type: message/delivery-status\n\nReporting-MTA: dns;"
            " mail.northwind.example\n\nAction: failed\nFinal-Recipient:"
            " rfc822;ada@northwind.example\nStatus: 5.0.0\nRemote-MTA: dns;"
            " mx.northwind.example\nDiagnostic-Code: smtp; 550 No such user"
        ),
        (
            "Content-type: message/rfc822\n\nReturn-path:"
            f" <feedback@northwind.example>\n{headers_of(message_id)}"
        ),
    ]
    head = (
        "Content-Type: multipart/report; report-type=delivery-status;"
        " boundary=1700000000-eximdsn-1804289383"
    )
    return multipart(
        parts,
        head=f"X-Failed-Recipients: ada@northwind.example\n{head}",
        boundary="1700000000-eximdsn-1804289383",
    )


def qmail(message_id: str) -> bytes:
    """As qmail writes it: no report, words only."""
    text = (
        "From: MAILER-DAEMON@mail.northwind.example\nTo: feedback@northwind.example\nSubject:"
        " failure notice\n\nHi. This is the qmail-send program at"
        " mail.northwind.example.\n\n<ada@northwind.example>:\nSorry, no mailbox here."
        f" (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n{headers_of(message_id)}"
    )
    return text.encode().replace(b"\n", b"\r\n")


def old_exim(message_id: str) -> bytes:
    """As Exim wrote it before: words and a header that says to whom."""
    return b"X-Failed-Recipients: ada@northwind.example\r\n" + qmail(message_id)


def out_of_office(message_id: str) -> bytes:
    """An automatic reply of a person's mailbox."""
    text = (
        "From: Ada Berg <ada@northwind.example>\nTo: feedback@northwind.example\nSubject:"
        " Automatic reply: How is our IT support doing?\nAuto-Submitted:"
        f" auto-replied\nX-Auto-Response-Suppress: All\nIn-Reply-To: {message_id}\nReferences:"
        f" {message_id}\nContent-Type: text/plain\n\nI am away and have not answered the survey."
        " Action: failed Status: 5.1.1\n"
    )
    return text.encode().replace(b"\n", b"\r\n")


def read_receipt(message_id: str) -> bytes:
    """A note that a letter was opened (RFC 8098): a report, but no delivery status."""
    parts = [
        TEXT,
        (
            "Content-Type: message/disposition-notification\n\nFinal-Recipient:"
            f" rfc822;ada@x.example\nOriginal-Message-ID: {message_id}\nDisposition:"
            " manual-action/MDN-sent-manually; displayed"
        ),
    ]
    return multipart(
        parts,
        head='Content-Type: multipart/report; report-type=disposition-notification; boundary="b"',
        boundary="b",
    )
