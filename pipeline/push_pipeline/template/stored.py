"""Stored templates by the names of the console, checked: push, button and channel templates."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from push_pipeline.content.badge import change_of
from push_pipeline.content.languages import read_texts
from push_pipeline.errors import InvalidParameter, MissingParameter
from push_pipeline.options import check_channel_name
from push_pipeline.options.channel import (
    CHANNEL_NAME_MAX,
    FORBIDDEN_CATEGORIES,
    FORBIDDEN_CHARACTERS,
)
from push_pipeline.options.delivery import TTL_MAX_SECONDS, read_clause
from push_pipeline.platform import Platform
from push_pipeline.template.smart_text import check as check_smart_text

#: A template is removed by a list of names joined by commas, so no name can have one.
_FORBIDDEN: Final = FORBIDDEN_CHARACTERS | {","}

_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")

#: What the console fills in for a new template.
DEFAULT_COLOUR: Final = "#3E86C4"


def check_template_name(name: str) -> str:
    """Return the name of a template.

    Raises:
        InvalidParameter: it is empty, too long, or has a character that is not allowed.
    """
    if not 0 < len(name) <= CHANNEL_NAME_MAX:
        raise InvalidParameter(f"a template's name has 1 to {CHANNEL_NAME_MAX} characters")
    if any(one in _FORBIDDEN or category(one) in FORBIDDEN_CATEGORIES for one in name):
        raise InvalidParameter("a template's name has a character that is not allowed")
    return name


def _check_colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise InvalidParameter("a colour is written #RRGGBB")
    return value


def _check_channel(name: str) -> str:
    return name and check_channel_name(name)


def _read_shown(value: object, info: ValidationInfo) -> str | Mapping[str, str]:
    """Read smart text, or one for each language; their tags stay as the author wrote them."""
    if isinstance(value, str):
        return check_smart_text(value)
    if not isinstance(value, Mapping):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    name = str(info.field_name)
    read_texts(name, value, blank=name != "message")
    return {tag: check_smart_text(text) for tag, text in value.items()}


def _read_badge(value: object) -> int | str:
    """Read a badge: a count, or `+1` where the push raises it."""
    if isinstance(value, bool) or not isinstance(value, int | str) or change_of(value) is None:
        raise PydanticCustomError("badge", "Input should be a count, or +1 to raise it")
    return value


SmartText = Annotated[str, AfterValidator(check_smart_text)]
Shown = Annotated[str | Mapping[str, str], PlainValidator(_read_shown)]
Colour = Annotated[str, AfterValidator(_check_colour)]
Name = Annotated[str, AfterValidator(check_template_name)]
Switch = Annotated[int, Field(ge=0, le=1)]
Badge = Annotated[int | str, PlainValidator(_read_badge)]
Count = Annotated[int, Field(ge=0, le=999_999_999)]
Seconds = Annotated[int, Field(ge=0, le=TTL_MAX_SECONDS)]
Milliseconds = Annotated[int, Field(ge=0, le=60_000)]
CustomHeaders = Mapping[str, SmartText]


class Stored(BaseModel):
    """A document of the console: camel case, null where nothing is set, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: item for name, item in value.items() if item is not None}

    @classmethod
    def read(cls, value: object) -> Self:
        """Read a document.

        Raises:
            RequestError: a typed error that names the field; values are not repeated.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as wrong:
            first = wrong.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the template"
            if first["type"] == "missing":
                raise MissingParameter(f"{place} is missing") from None
            raise InvalidParameter(f"{place}: {first['msg']}") from None

    def to_json(self) -> dict[str, Any]:
        """Return the document with every field of it, as the console shows it."""
        return self.model_dump(mode="json", by_alias=True)


class IosOptions(Stored):
    """How a push looks on iOS."""

    alert_title: Shown | None = None
    alert_subtitle: Shown | None = None
    custom_headers: CustomHeaders | None = None
    badge: Badge = 1
    sound: str | None = None
    attachment_url: SmartText | None = None
    mutable_content: Switch = 0
    content_available: Switch = 0
    button_template: str = ""
    thread_id: str | None = None
    summary_format: str | None = None


class OsxOptions(Stored):
    """How a push looks on macOS."""

    alert_title: Shown | None = None
    alert_subtitle: Shown | None = None
    custom_headers: CustomHeaders | None = None
    badge: Badge = 1
    sound: str | None = "default"
    content_available: Switch = 0


class Cancelling(Stored):
    """When Android takes a notification away: after some seconds (0: never), or when tapped."""

    after: Seconds = 60
    ontap: bool = False


class AndroidOptions(Stored):
    """How a push looks on Android, and how FCM delivers it."""

    content_title: Shown | None = None
    summary_sub_text: Shown | None = None
    custom_headers: CustomHeaders | None = None
    badge: Annotated[int, Field(ge=0, le=2)] = 0  # its icon: none, small, large
    badge_number: Count = 1
    icon: str | None = None
    large_icon: SmartText | None = None
    color_code: Colour = DEFAULT_COLOUR
    cancel: Cancelling = Cancelling()
    attachment_url: SmartText | None = None
    action_on_tap: str | None = None
    content_available: Switch | None = None
    button_template: str = ""
    channel_template: str = ""
    direct_boot: bool = False
    delivery_priority: Annotated[str, Field(pattern="^(normal|high)$")] = "normal"
    ttl_seconds: Seconds = TTL_MAX_SECONDS
    lights: Mapping[str, Any] | None = None


class WebOptions(Stored):
    """How a push looks in a browser, and what a click on it opens."""

    title: Shown | None = None
    link: SmartText | None = None
    icon: str | None = None
    image: SmartText | None = None
    tag: str | None = None
    custom_headers: CustomHeaders | None = None


class PlatformOptions(Stored):
    """The options of each platform."""

    ios: IosOptions = IosOptions()
    android: AndroidOptions = AndroidOptions()
    osx: OsxOptions = OsxOptions()
    web: WebOptions = WebOptions()

    @model_serializer(mode="wrap")
    def _without_unset_web(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a system that nobody said anything about: 0.2.0 reads no template with it."""
        document: dict[str, Any] = plain(self)
        if self.web == WebOptions():
            document.pop("web", None)  # it may be left out already
        return document


class PushTemplate(Stored):
    """A push that is written once and sent by its name.

    No platforms means all. An empty channel name means all channels; the segment then decides.
    """

    id: str | None = None
    name: Name | None = None
    message: Shown
    platforms: tuple[Platform, ...] = ()
    channel_name: Annotated[str, AfterValidator(_check_channel)] = "default"
    segment_query: Annotated[str | None, AfterValidator(read_clause)] = None
    options: PlatformOptions = PlatformOptions()

    @property
    def reached(self) -> tuple[Platform, ...]:
        """The platforms that it is for."""
        return self.platforms or tuple(Platform)


class Action(Stored):
    """A button of a notification. `options` is the platform's own number."""

    id: str
    title: str
    options: int = 0
    inline_reply: bool = False
    input_button_title: str | None = None
    text_input_placeholder: str | None = None


class ButtonTemplate(Stored):
    """The buttons of a notification, shared by push templates of one platform."""

    id: str | None = None
    name: Name
    platform: Platform
    actions: tuple[Action, ...] = Field(default=(), max_length=10)


class ChannelTemplate(Stored):
    """The options of an Android notification channel, shared by push templates."""

    id: str | None = None
    name: Name
    platform: Literal[Platform.ANDROID] = Platform.ANDROID
    show_badge: bool = True
    priority: Annotated[int, Field(ge=1, le=5)] = 3  # Android's importance, from min to max
    sound: str | None = None
    lights_color: Colour | None = None
    lights_on_ms: Milliseconds = 0
    lights_off_ms: Milliseconds = 0
    vibrate: tuple[Milliseconds, ...] = Field(default=(), max_length=100)
