"""Every error a caller may meet, each with the API's code.

PipelineError
├── RequestError                 the caller's input; nothing was written
│   ├── MalformedBody            8004
│   │   ├── BodyLate             8004, HTTP 408
│   │   ├── BodyNotDeclared      8004, HTTP 415
│   │   └── UnreadableEncoding   8004, HTTP 415
│   ├── MissingParameter         8007
│   ├── InvalidParameter         8008
│   │   ├── PayloadTooLarge      8008, HTTP 413
│   │   ├── StrictRefusal        8008
│   │   └── UnknownOs            8008
│   ├── EmptyAudience            8008
│   ├── EmptyMessage             5041
│   ├── InvalidPublishAt         5030
│   ├── InvalidRepeatExpiresAt   5003
│   ├── InvalidExpiration        5004
│   ├── InvalidChannelName       5044
│   ├── InvalidWhereClause       1017
│   ├── PublishDenied            5007
│   ├── OperationDenied          2000
│   ├── InvalidUserToken         3064, HTTP 401
│   ├── TooManyAttempts          999, HTTP 429
│   ├── QuotaExceeded            999, HTTP 429
│   │   └── TooManyPublishes     999, HTTP 429
│   ├── OperatorsOnly            2000, HTTP 401
│   ├── UnknownApp               2002
│   │   └── UnknownHost          2002
│   ├── MissingApplicationId     8022
│   ├── UnknownDevice            5000
│   │   └── UnknownRegistration  5001
│   ├── MissingDeviceId          5011
│   ├── RegistrationMalformed    5005
│   ├── RegistrationMissing      5006
│   ├── UnknownChannel           5010
│   ├── ChannelExists            5012
│   ├── UnknownBroadcastChannel  5010, HTTP 404
│   ├── BroadcastChannelExists   5012
│   ├── BroadcastChannelRefused  5014
│   ├── DevicesNotRemoved        5042
│   ├── UnknownTemplate          5060
│   ├── DedupeKeyReused          5061, HTTP 422
│   ├── UnknownActivity          5045, HTTP 404
│   ├── NotCancellable           5040
│   ├── NothingToResend          5043
│   └── EmailNotConfigured       5050
└── SetupError                   the installation; the text names the remedy
    ├── SettingsError
    ├── DatabaseUnavailable
    ├── SchemaMissing
    ├── SchemaTooNew
    ├── BrokerUnavailable
    ├── BadCredential
    ├── NotForDrills
    ├── AppleUnreachable
    └── UserKeysUnavailable
"""


class PipelineError(Exception):
    """Something went wrong in the pipeline."""

    code = 8011
    http_status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class RequestError(PipelineError):
    """The request cannot be carried out as it stands."""

    code = 8008
    http_status = 400


class MalformedBody(RequestError):
    """The body is not a JSON object."""

    code = 8004


class BodyNotDeclared(MalformedBody):
    """Without a key a call says `Content-Type: application/json`, also where it has no body."""

    http_status = 415


class BodyLate(MalformedBody):
    """The body did not arrive in time."""

    http_status = 408


class UnreadableEncoding(MalformedBody):
    """The body is encoded in a way that is not read: send UTF-8, plain or by gzip."""

    http_status = 415


class MissingParameter(RequestError):
    """A required parameter is missing."""

    code = 8007


class InvalidParameter(RequestError):
    """A parameter has a value that is not allowed."""

    code = 8008


class PayloadTooLarge(InvalidParameter):
    """The payload is larger than the provider takes."""

    http_status = 413


class StrictRefusal(InvalidParameter):
    """Something of it has no effect, or another one, and it is strict."""


class UnknownOs(InvalidParameter):
    """The operating system is unknown: use IOS, ANDROID, OSX, WEB or ALL."""


class EmptyAudience(RequestError):
    """The list of recipients is empty: leave it out to mean everybody."""

    code = 8008


class EmptyMessage(RequestError):
    """A push message must be convertible to a string."""

    code = 5041


class InvalidPublishAt(RequestError):
    """The publish date is invalid."""

    code = 5030


class InvalidRepeatExpiresAt(RequestError):
    """The expiration date of the repeat is invalid."""

    code = 5003


class InvalidExpiration(RequestError):
    """The expiration date of the registration is invalid."""

    code = 5004


class InvalidChannelName(RequestError):
    """The channel name has a character that is not allowed."""

    code = 5044


class InvalidWhereClause(RequestError):
    """The where clause is invalid."""

    code = 1017


class PublishDenied(RequestError):
    """The caller may not publish on this channel."""

    code = 5007


class OperationDenied(RequestError):
    """The caller may not do this."""

    code = 2000


class InvalidUserToken(RequestError):
    """The user token is unknown or has expired."""

    code = 3064
    http_status = 401


class TooManyAttempts(RequestError):
    """Too many requests came with wrong keys like this, or from this address: wait a minute."""

    code = 999
    http_status = 429


class QuotaExceeded(RequestError):
    """More is asked for than this key or this app may have: the text names the bound."""

    code = 999
    http_status = 429


class TooManyPublishes(QuotaExceeded):
    """More publishes a second are asked for than this key or app may: wait a second."""


class OperatorsOnly(RequestError):
    """This is for operators: it needs PIPELINE_OPERATOR_KEY, or the operators' port."""

    code = 2000
    http_status = 401


class UnknownApp(RequestError):
    """The application id or API key is unknown."""

    code = 2002


class UnknownHost(UnknownApp):
    """No app has this domain: name a key, or let an operator say `app auth hosts`."""


class MissingApplicationId(RequestError):
    """The header application-id is missing: secret-key alone names no app."""

    code = 8022


class UnknownDevice(RequestError):
    """The device id is not registered."""

    code = 5000


class UnknownConsoleUser(RequestError):
    """The console has no user of this name."""

    http_status = 404


class SignInFailed(RequestError):
    """The link or the password does not hold."""

    http_status = 401


class UnknownRegistration(UnknownDevice):
    """The device id is not registered, so that there is nothing to cancel."""

    code = 5001


class RegistrationMalformed(RequestError):
    """The registration is not a JSON object."""

    code = 5005


class RegistrationMissing(RequestError):
    """There is no registration in the request."""

    code = 5006


class UnknownChannel(RequestError):
    """The channel does not exist."""

    code = 5010


class ChannelExists(RequestError):
    """A channel of this name exists already."""

    code = 5012


class UnknownBroadcastChannel(RequestError):
    """The app has no broadcast channel of this name."""

    code = 5010
    http_status = 404


class BroadcastChannelExists(RequestError):
    """The app has a broadcast channel of this name already."""

    code = 5012


class BroadcastChannelRefused(RequestError):
    """Apple refused what was asked of a broadcast channel; the text has its word."""

    code = 5014


class DevicesNotRemoved(RequestError):
    """The body is not a JSON array of device ids, so that no device was removed."""

    code = 5042


class MissingDeviceId(RequestError):
    """A device cannot be registered without a device id."""

    code = 5011


class UnknownTemplate(RequestError):
    """The push template does not exist."""

    code = 5060


class NoBrowserKey(RequestError):
    """The app has no key for browsers: `push-pipeline app credentials webpush` makes one."""

    code = 5062


class DedupeKeyReused(RequestError):
    """This dedupe key (Idempotency-Key) has said something else: another message, time, place."""

    code = 5061
    http_status = 422


class UnknownMessage(RequestError):
    """The app has no such message, or retention has deleted it."""

    code = 5040
    http_status = 404


class UnknownActivity(RequestError):
    """No such activity is under way: it was never started, or it has ended."""

    code = 5045
    http_status = 404


class NotCancellable(RequestError):
    """The message is unknown, already cancelled or already finished."""

    code = 5040


class NothingToResend(RequestError):
    """No device of the message, which is known, ended without an answer and is still there."""

    code = 5043


class EmailNotConfigured(RequestError):
    """This service sends no e-mail."""

    code = 5050


class SetupError(PipelineError):
    """The installation is not ready."""

    http_status = 503


class SettingsError(SetupError):
    """A setting is wrong."""


class DatabaseUnavailable(SetupError):
    """The database cannot be reached."""


class SchemaMissing(SetupError):
    """The database has no schema yet; `migrate` makes it."""


class SchemaTooNew(SetupError):
    """A newer release made the database's schema, and this one cannot work with it."""


class BrokerUnavailable(SetupError):
    """The message broker cannot be reached."""


class BadCredential(SetupError):
    """The provider credential cannot be used."""


class NotForDrills(SetupError):
    """Nothing may be broken here on purpose."""


class AppleUnreachable(SetupError):
    """Apple's channel management API cannot be reached."""


class UserKeysUnavailable(SetupError):
    """The keys that user tokens are checked with cannot be fetched."""
