"""Log lines of an Xray node, in the forms of panel 4 (`id.name`) and panel 5 (`id`)."""

import ipaddress
import time

BANNER = (
    "Xray 26.7.28 (Xray, Penetrates Everything.) Custom (go1.26.8 linux/amd64)",
    "A unified platform for anti-censorship.",
)

_second = (0, "")


def stamp(when):
    """`when` (unix seconds, float) as Xray writes it, in UTC: 2026/11/23 15:44:42.883276."""
    global _second
    whole = int(when)
    if _second[0] != whole:
        _second = (whole, time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(whole)))
    return f"{_second[1]}.{int((when - whole) * 1e6):06d}"


def source(ip, port, net=""):
    """The source token: `1.2.3.4:5`, `[2001:db8::1]:5`, with `tcp:`/`udp:` before it if `net`."""
    text = f"[{ip}]:{port}" if ":" in ip or ip.startswith("Masked") else f"{ip}:{port}"
    return f"{net}:{text}" if net else text


def masked(ip, how):
    """`ip` as maskAddress writes it: `quarter`, `half`, `/24+/48` or `full`."""
    six = ":" in ip
    if how == "full":
        return "Masked IPv6" if six else "Masked IPv4"
    keep = {"quarter": 1, "half": 2, "/24+/48": 3}[how]
    if six:
        return str(ipaddress.ip_network((ip, 16 * keep), strict=False))
    return ".".join(ip.split(".")[:keep] + ["*"] * (4 - keep))


def access(when, src, dest, detour, email):
    """An access line; `email` None for a line without one."""
    line = f"{stamp(when)} from {src} accepted {dest} [{detour}]"
    return line if email is None else f"{line} email: {email}"


def rejected(when, src, uuid):
    """What a node writes when a client of a removed or disabled user knocks (two blanks, as is)."""
    return (f"{stamp(when)} from {src} rejected  proxy/vless/encoding: "
            f"invalid request user id: {uuid}")


def start(when):
    """The lines of an Xray that starts."""
    return [
        *BANNER,
        f"{stamp(when)} [Info] infra/conf/serial: Reading config: &{{Name:stdin: Format:json}}",
        f"{stamp(when + 0.004)} [Warning] core: Xray 26.7.28 started",
    ]


def around(when, number, dest, line):
    """The lines loglevel info writes around an access line, in the order of the recordings."""
    def info(offset, text):
        return f"{stamp(when + offset * 1e-6)} [Info] [{number}] {text}"
    return [
        info(-160, "proxy/vless/inbound: firstLen = 84"),
        info(-130, f"proxy/vless/inbound: received request for {dest}"),
        info(-90, f"app/dispatcher: taking detour [DIRECT] for [{dest}]"),
        line,
        info(60, f"proxy/freedom: dialing to {dest}"),
        info(90, f"transport/internet/tcp: dialing TCP to {dest}"),
        info(180, f"proxy/freedom: connection opened to {dest}, local endpoint 127.0.0.1:42644, "
                  "remote endpoint 127.0.0.1:20080"),
    ]
