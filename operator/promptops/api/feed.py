"""The feed's messages, protocol 1: UTF-8 JSON, integers below 2^53, no floats outside content, digests over the bytes sent."""

from typing import Annotated, Any, Literal

import msgspec

from promptops.api.content import Parameters
from promptops.api.http import Source
from promptops.api.limits import (
    MAX_INSTANCE_CHARACTERS,
    MAX_LATENCY_BUCKETS,
    MAX_REASON_CHARACTERS,
    MAX_UID_CHARACTERS,
)

PROTOCOL = 1
SIGNING_CONTEXT = b"promptops/index/1\n"
"""Prefix of every signed header, so that a signature made for one purpose is worthless for another."""
TRUST_CONTEXT = b"promptops/trust/1\n"
"""The same of every signed announcement of what is to be believed."""
AUDIENCE = "promptops.io/feed"
"""Audience of the ServiceAccount token that a follower shows."""
HELD_HEADER = "Promptops-Held"
"""Request header in which a follower shows the signed header of what it holds."""
EVERY_SCOPE = "*"
"""In a greeting: every event says whose it is."""
EVERY_SCOPE_QUERY = "scopes=*"
"""What a relay asks for behind the question mark. No request names any other scope than that of its token."""
INLINE_BLOBS_BYTES = 32 * 1024
"""At most so many bytes of blobs travel inside an index or patch event; the rest is fetched."""
MAX_PINS = 50
VALUES_FEATURE = "values"
"""Stands in `must_understand` of an entry that has values."""
STALENESS_FEATURE = "maxStaleness"
"""Stands in `must_understand` of an entry that must not be served for ever when nobody confirms it."""
HEARTBEAT_SECONDS = 5.0
"""A heartbeat comes at least so often while the origin leads: it confirms at every renewal of its Lease."""
STALE_SECONDS = 10.0
"""What the origin has not confirmed for this long is called stale."""
MAX_COUNT = 2**53 - 1
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Milliseconds = Count
InstanceName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_INSTANCE_CHARACTERS)]
ReportedName = Annotated[str, msgspec.Meta(max_length=MAX_INSTANCE_CHARACTERS)]
"""What a hop takes of somebody's report, every hop takes: else one that passes it on would not be heard any more."""
MAX_REPORTED_RENDERS = 200
MAX_RELAYED_RENDERS = 1000
"""Contents of which a relay passes on what an instance rendered, the newest of them."""
MAX_REPORTED_NACKS = 100
"""An instance with more says so with one more than these: it serves nothing of what was decided."""
LOST_SECONDS = 20.0
"""Without a report for this long an instance is called lost."""


class Position(msgspec.Struct, frozen=True, order=True):
    """Where in a scope's history an index stands. Ordered: epoch, then term, then seq."""

    epoch: Count
    term: Count
    seq: Count


class VersionReference(msgspec.Struct, frozen=True):
    """A version and the digest of its resolved content (sha256:…), which is the address of its blob."""

    version: str
    digest: str


class Fallback(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands in for a prompt that cannot be rendered: a version, which is one of the entry's pins, or a text."""

    version: str = ""
    """The version's number."""
    text: str = ""
    """A template without variables: nothing has to be fetched for it."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one prompt serves now. Activation and rollback change this and nothing else."""

    name: str
    uid: str
    revision: int
    state: Literal["active", "disabled", "held"]
    stable: VersionReference | None = None
    ids: tuple[str, ...] = ()
    pins: tuple[VersionReference, ...] = ()
    """The newest versions that may be asked for by number, newest first."""
    values: str = ""
    """What comes from outside the versions: a Supplement as JSON text, for a value may be a float. Its sha256 is the
    `values_digest` of answers."""
    max_staleness_s: int = 0
    """How long renders go on after the origin last confirmed the entry. 0: as long as it is held."""
    fallback: Fallback | None = None
    """What is answered when `stable` cannot be rendered. Not in `must_understand`: who does not know it serves every version
    rightly, and to keep activations from him would cost more than the last resort does."""
    must_understand: tuple[str, ...] = ()
    """What whoever renders has to honour to serve this entry rightly. Who does not know all of it keeps the entry it has."""

    def digests(self) -> frozenset[str]:
        """Every blob this entry needs."""
        return frozenset(reference.digest for reference in (*self.pins, *((self.stable,) if self.stable else ())))


class Supplement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes from outside the versions of a prompt."""

    variables: dict[str, Any] = {}
    """By the names of variables that declare fromValues, for callers who give none."""
    parameters: Parameters | None = None
    """The tenant's, below those that a version sets."""


class Header(msgspec.Struct, frozen=True):
    """The signed summary of an index."""

    v: int
    scope: str
    """uid of the namespace."""
    namespace: str
    tenant: str
    epoch: int
    term: int
    seq: int
    entries: str
    """Digest of the tree over the (name, entry digest) pairs: see promptops.cache.index.Index."""
    count: int
    kid: str
    renders_per_second: int = 0
    """How many renders whoever serves this may answer in a second, all prompts together. 0: as many as it can."""

    @property
    def position(self) -> Position:
        """The header's place in the scope's history."""
        return Position(self.epoch, self.term, self.seq)


class Signed(msgspec.Struct, frozen=True):
    """A header's bytes (base64url, no padding) and their Ed25519 signature (base64url, no padding)."""

    payload: str
    sig: str


class Blob(msgspec.Struct, frozen=True):
    """Immutable content under its digest. `content` is the text whose sha256 the digest is: the name of its form, a line
    end, and canonical JSON."""

    digest: str
    content: str


class Removal(msgspec.Struct, frozen=True):
    """A prompt that is gone; the uid keeps a recreated one from being removed in its place."""

    name: str
    uid: str


class Hello(msgspec.Struct, frozen=True):
    """First event of a stream: who the caller is taken for, and how old what follows is."""

    scope: str
    tenant: str
    namespace: str
    protocols: tuple[int, ...] = (PROTOCOL,)
    at_ms: Milliseconds = 0
    """When this is said, by a clock of the speaker's that begins anywhere and is never set."""
    age_ms: Milliseconds | None = None
    """How long before that the origin confirmed what the stream begins with; null when it is not known."""


class WholeIndex(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole index of a scope. `entries` is absent when the caller already holds it."""

    signed: Signed
    entries: tuple[Entry, ...] | None = None
    blobs: tuple[Blob, ...] = ()
    source: Source = "live"
    """Where whoever sends this has it from. Patches are live."""


class Patch(msgspec.Struct, frozen=True, omit_defaults=True):
    """The step from the preceding position `base` to the signed one."""

    base: Position
    signed: Signed
    upserts: tuple[Entry, ...] = ()
    removes: tuple[Removal, ...] = ()
    blobs: tuple[Blob, ...] = ()


class Heartbeat(msgspec.Struct, frozen=True):
    """The origin has confirmed that it stands here. Relays pass it on with the age it has come to, and never invent one."""

    scope: str
    position: Position
    at_ms: Milliseconds
    """When this is said, by the clock that hello showed: what waited in a queue or a network is older than it says."""
    age_ms: Milliseconds
    """How long before that the origin confirmed it."""


class Revocation(msgspec.Struct, frozen=True):
    """Payload of `revoked`: the namespace is gone. Signed like a header, under the same context."""

    v: int
    scope: str
    revoked: bool
    epoch: int
    term: int
    seq: int
    kid: str

    @property
    def position(self) -> Position:
        """Where the scope's history ends."""
        return Position(self.epoch, self.term, self.seq)


class Revoked(msgspec.Struct, frozen=True):
    """A signed Revocation."""

    signed: Signed


class Goodbye(msgspec.Struct, frozen=True, omit_defaults=True):
    """The server is going away; reconnect."""

    reason: str = ""
    scope: str = ""
    """In a stream of every scope: the one of which nothing more is said; all else goes on. Empty: the whole stream ends."""


class BlobsRequest(msgspec.Struct, frozen=True):
    """Body of POST /v1/blobs."""

    digests: tuple[str, ...]


class BlobsAnswer(msgspec.Struct, frozen=True):
    """Answer of POST /v1/blobs: those of the digests asked for that the caller's own index names."""

    blobs: tuple[Blob, ...]


class Nack(msgspec.Struct, frozen=True):
    """A prompt whose newest entry this instance could not take, and why (a reason constant)."""

    name: ReportedName
    uid: Annotated[str, msgspec.Meta(max_length=MAX_UID_CHARACTERS)]
    revision: Count
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON_CHARACTERS)]


class RenderCounters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cumulative since the instance started, for one content digest."""

    digest: ReportedName
    succeeded: Count = 0
    failed: Count = 0
    latency_buckets: Annotated[tuple[Count, ...], msgspec.Meta(max_length=MAX_LATENCY_BUCKETS)] = ()
    """Counts per bucket of LATENCY_BUCKETS_SECONDS, not cumulative over the buckets, the last one is +Inf."""


LATENCY_BUCKETS_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0, 5.0)


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an instance serves. Sent on change and every 5 s (POST /v1/reports). Who it is from says the token."""

    instance: InstanceName
    """Unique among those who show one token at the same time."""
    position: Position | None = None
    durable: bool = False
    """Whether `position` is on disk."""
    nacks: tuple[Nack, ...] = ()
    kids: tuple[ReportedName, ...] = ()
    renders: Annotated[tuple[RenderCounters, ...], msgspec.Meta(max_length=MAX_RELAYED_RENDERS)] = ()
    """Of an instance at most MAX_REPORTED_RENDERS, whatever was ever rendered: the rest comes with the next report."""
    goodbye: bool = False
    incarnation: ReportedName = ""
    """Drawn anew whenever reporting begins: a restarted process may have the name of the one before, and what is started again
    in one has it."""
    number: Count = 0
    """Counts the reports of an incarnation, from 1."""
    base: Count = 0
    """The last report that was acknowledged: `renders` are those that changed since; 0: everything, in as many reports
    as it takes."""


class ReportBatch(msgspec.Struct, frozen=True):
    """Body of POST /v1/reports: what an instance says, or what a relay passes on from many."""

    reports: tuple[Report, ...]


class Relayed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A report that a relay passes on, and whom its own caller's token was issued to."""

    scope: str
    namespace: str
    service_account: str
    report: Report
    pod_uid: str | None = None
    age_ms: Milliseconds = 0
    """How long ago it was heard: who fell silent since then is not heard of anew. Each relay adds to it."""


class RelayedBatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of POST /v1/reports?scopes=*: what a relay has heard since it last said something."""

    reports: tuple[Relayed, ...] = ()
    proofs: tuple[Signed, ...] = ()
    """Headers above what the hop above offers, or forks of it, that the relay or a follower of it holds."""


class Acknowledged(msgspec.Struct, frozen=True):
    """What was taken of one instance. `number` is its report's, or 0: the base is not known here, send everything again."""

    instance: str
    number: int


class ReportsAnswer(msgspec.Struct, frozen=True):
    """Answer of POST /v1/reports, in the order of the reports."""

    acknowledged: tuple[Acknowledged, ...] = ()


class TrustedKey(msgspec.Struct, frozen=True):
    """A public signing key. `public` is the raw 32 bytes of an Ed25519 key, base64url without padding."""

    kid: ReportedName
    public: str


class Trust(msgspec.Struct, frozen=True):
    """The trust file of a sidecar; it is read again while the sidecar runs."""

    keys: tuple[TrustedKey, ...]
    ca: str = ""
    """PEM certificates of whoever vouches for the hop above; empty: whom the machine believes."""
    serial: int = 0
    """Of two, the one with the higher serial is the newer one."""


class Announcement(msgspec.Struct, frozen=True):
    """What is to be believed from now on, in the words of a key that is believed already."""

    v: int
    kid: str
    trust: Trust


class Renewal(msgspec.Struct, frozen=True):
    """A signed Announcement: the event `trust`, after every hello and whenever it changes."""

    signed: Signed
