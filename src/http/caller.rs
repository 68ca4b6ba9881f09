//! Who is calling: the only place where a credential becomes a [`Caller`].
//!
//! `Authorization: Bearer` with an access token or an API key comes first, then `x-api-key`, then
//! the page's cookie. Bad credentials are never taken for none. `guard` checks the credential of each
//! request, once; every operation that needs somebody takes an [`Authenticated`], which says what for;
//! there is no other way to a `Caller` in this room.

use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::{self, Stream, StreamExt};
use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use poem::http::header::{AUTHORIZATION, COOKIE, HeaderValue, SET_COOKIE};
use poem::{Body, Request, RequestBody, Response};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::errors::ApiError;
use super::events::EVENT_STREAM;
use crate::accounts::{Accounts, Caller, Purpose, Visitor};
use crate::appliance::Appliance;
use crate::error::{Error, ErrorKind, Result};

const BEARER_SCHEME: &str = "access_token";
const COOKIE_SCHEME: &str = "session_cookie";
const READ_KEY_SCHEME: &str = "api_key_read";
const CHAT_KEY_SCHEME: &str = "api_key_chat";
const ADMIN_KEY_SCHEME: &str = "api_key_admin";

/// The browser takes a `__Host-` cookie only with `Secure`, so there are two names.
pub(super) const SECURE_COOKIE: &str = "__Host-chatelaine";
pub(super) const PLAIN_COOKIE: &str = "chatelaine";

const API_KEY_HEADER: &str = "x-api-key";

/// The caller of an operation, whose credential is good for what the operation is about.
pub(super) struct Authenticated<P>(pub(super) Caller, PhantomData<P>);

/// Look at one's own things.
pub(super) type Reader = Authenticated<Reading>;
/// Have replies written, and change what is about conversations.
pub(super) type Chatter = Authenticated<Chatting>;
/// Run the house; the role is asked for by the domain room.
pub(super) type Steward = Authenticated<Administering>;
/// One's password, sessions and keys: no API key is good for these.
pub(super) type Owner = Authenticated<Owning>;
/// Run the house where that would make more of an API key than it is: no key is good for it.
pub(super) type Trustee = Authenticated<Trusted>;

pub(super) trait About: Send + Sync {
    const PURPOSE: Purpose;
    /// The schemes of the document that are good for it.
    const SCHEMES: &'static [&'static str];
}

pub(super) struct Reading;
pub(super) struct Chatting;
pub(super) struct Administering;
pub(super) struct Owning;
pub(super) struct Trusted;

impl About for Reading {
    const PURPOSE: Purpose = Purpose::Read;
    const SCHEMES: &'static [&'static str] = &[
        BEARER_SCHEME,
        COOKIE_SCHEME,
        READ_KEY_SCHEME,
        CHAT_KEY_SCHEME,
    ];
}

impl About for Chatting {
    const PURPOSE: Purpose = Purpose::Chat;
    const SCHEMES: &'static [&'static str] = &[BEARER_SCHEME, COOKIE_SCHEME, CHAT_KEY_SCHEME];
}

impl About for Administering {
    const PURPOSE: Purpose = Purpose::Administer;
    const SCHEMES: &'static [&'static str] = &[BEARER_SCHEME, COOKIE_SCHEME, ADMIN_KEY_SCHEME];
}

impl About for Owning {
    const PURPOSE: Purpose = Purpose::OwnAccount;
    const SCHEMES: &'static [&'static str] = &[BEARER_SCHEME, COOKIE_SCHEME];
}

impl About for Trusted {
    const PURPOSE: Purpose = Purpose::Trust;
    const SCHEMES: &'static [&'static str] = &[BEARER_SCHEME, COOKIE_SCHEME];
}

impl<P> Deref for Authenticated<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// The session cookie of a request. A plain one may be left from before there was TLS, or planted
/// by a neighbour: it counts only where there is no other.
pub(super) fn session_cookie(request: &Request) -> Option<&str> {
    let named = |wanted| cookies_named(request, wanted).next();
    named(SECURE_COOKIE).or_else(|| named(PLAIN_COOKIE))
}

/// Every session cookie of a request, for whoever takes them back.
pub(super) fn session_cookies(request: &Request) -> Vec<String> {
    let both = [SECURE_COOKIE, PLAIN_COOKIE];
    let values = both.map(|name| cookies_named(request, name));
    values.into_iter().flatten().map(str::to_owned).collect()
}

fn cookies_named<'a>(request: &'a Request, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let cookies = request.headers().get_all(COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter_map(move |(name, value)| (name == wanted).then_some(value))
}

/// Where a session cookie is set or taken back, one of the other name is taken back too: nobody
/// knows any more who was signed in by it.
pub(super) fn take_back_other_cookie(response: &mut Response) {
    let headers = response.headers_mut();
    let set = headers
        .get(SET_COOKIE)
        .and_then(|value| value.to_str().ok());
    let other = match set.and_then(|cookie| cookie.split_once('=')) {
        Some((SECURE_COOKIE, _)) => session_cookie_header(PLAIN_COOKIE, "", 0),
        Some((PLAIN_COOKIE, _)) => session_cookie_header(SECURE_COOKIE, "", 0),
        _ => return,
    };
    if let Ok(other) = HeaderValue::from_str(&other) {
        headers.append(SET_COOKIE, other);
    }
}

/// Taking a cookie away must name it as setting it did.
pub(super) fn session_cookie_header(name: &str, value: &str, max_age_s: u32) -> String {
    let secure = match name == SECURE_COOKIE {
        true => "Secure; ",
        false => "",
    };
    format!("{name}={value}; {secure}HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}")
}

fn bearer_token(request: &Request) -> Option<Result<&str>> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let header = headers.next()?;
    if headers.next().is_some() {
        return Some(Err(Error::unauthenticated(
            "this request has more than one Authorization header",
        )));
    }
    let token = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    Some(token.ok_or_else(|| {
        Error::unauthenticated("the Authorization header must be: Bearer, and an access token")
    }))
}

/// An API key as clients of other houses' APIs send it.
fn api_key_header(request: &Request) -> Option<Result<&str>> {
    let header = request.headers().get(API_KEY_HEADER)?;
    let key = header.to_str().map(str::trim);
    Some(key.map_err(|_| Error::unauthenticated("the x-api-key header must be an API key")))
}

/// What the guard found out about the credential of a request, for whoever asks later.
#[derive(Clone)]
pub(super) enum Identity {
    /// There is no credential.
    Nobody,
    /// There is one that is not good; a sentence why.
    Refused(String),
    Somebody(Caller),
}

impl Identity {
    pub(super) fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Somebody(caller) => Some(caller),
            Self::Nobody | Self::Refused(_) => None,
        }
    }
}

/// Checks the credential of a request, once; an error is one that is nobody's fault.
pub(super) async fn identify(
    accounts: &Accounts,
    visitor: &Visitor,
    request: &Request,
) -> Result<Identity> {
    match caller_of(accounts, visitor, request).await {
        Ok(Some(caller)) => Ok(Identity::Somebody(caller)),
        Ok(None) => Ok(Identity::Nobody),
        Err(error) if error.kind == ErrorKind::Unauthenticated => {
            Ok(Identity::Refused(error.message))
        }
        Err(error) => Err(error),
    }
}

async fn caller_of(
    accounts: &Accounts,
    visitor: &Visitor,
    request: &Request,
) -> Result<Option<Caller>> {
    if let Some(token) = bearer_token(request) {
        return match token? {
            key if Accounts::is_api_key(key) => accounts.caller_by_api_key(visitor, key).await,
            token => accounts.caller_by_access_token(token).await,
        }
        .map(Some);
    }
    if let Some(key) = api_key_header(request) {
        return accounts.caller_by_api_key(visitor, key?).await.map(Some);
    }
    match session_cookie(request) {
        Some(cookie) => accounts.caller_by_cookie(visitor, cookie).await.map(Some),
        None => Ok(None),
    }
}

pub(super) fn authenticate(request: &Request, purpose: Purpose) -> Result<Caller> {
    match request.data::<Identity>() {
        Some(Identity::Somebody(caller)) => {
            caller.require(purpose)?;
            Ok(caller.clone())
        }
        Some(Identity::Refused(why)) => Err(Error::unauthenticated(why)),
        Some(Identity::Nobody) | None => Err(Error::unauthenticated("sign in first")),
    }
}

/// What is sent piece by piece ends when its reader may no longer see it, whichever handler sends it.
/// Events then end, as they may at any time. Everything else breaks off, so that nobody takes a piece
/// of a document for all of it.
pub(super) fn end_when_they_leave(
    mut response: Response,
    reader: Option<Caller>,
    house: &Arc<Appliance>,
) -> Response {
    let Some(reader) = reader else {
        return response;
    };
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    let is_whole = body.size_hint().exact().is_some();
    let mut body = Body::from(body);
    if !is_whole {
        let house = Arc::clone(house);
        let left = async move { house.accounts.left(&reader).await };
        let pieces = body.into_bytes_stream();
        body = match response.content_type() {
            Some(EVENT_STREAM) => Body::from_bytes_stream(pieces.take_until(Box::pin(left))),
            _ => Body::from_bytes_stream(broken_off_after(pieces, left)),
        };
    }
    response.set_body(body);
    response
}

/// The pieces; once `end` is over an error in place of the next one, and nothing behind it.
fn broken_off_after(
    pieces: impl Stream<Item = io::Result<Bytes>>,
    end: impl Future<Output = ()>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let both = (Box::pin(pieces), Box::pin(end));
    stream::unfold(Some(both), async |both| {
        let (mut pieces, end) = both?;
        match select(end, pieces.next()).await {
            Either::Left(_) => {
                let why = "who reads this may no longer see it";
                Some((Err(io::Error::other(why)), None))
            }
            Either::Right((piece, end)) => piece.map(|piece| (piece, Some((pieces, end)))),
        }
    })
}

/// The schemes of the document, by name: what they are, and what is said of them.
fn register_schemes(registry: &mut Registry) {
    let scheme = |ty, name, key_in, scheme, bearer_format, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name,
        key_in,
        scheme,
        bearer_format,
        flows: None,
        openid_connect_url: None,
    };
    let bearer = |format, description| {
        scheme(
            "http",
            None,
            None,
            Some("bearer"),
            Some(format),
            description,
        )
    };
    let token = bearer("JWT", "An access token from sign-in.");
    registry.create_security_scheme(BEARER_SCHEME, token);
    let (name, place) = (Some(SECURE_COOKIE), Some("cookie"));
    let cookie = scheme("apiKey", name, place, None, None, "The page's session.");
    registry.create_security_scheme(COOKIE_SCHEME, cookie);
    for (name, description) in [
        (
            READ_KEY_SCHEME,
            "An API key with the scope `read`, as a bearer token or as `x-api-key`.",
        ),
        (
            CHAT_KEY_SCHEME,
            "An API key with the scope `chat`, as a bearer token or as `x-api-key`.",
        ),
        (
            ADMIN_KEY_SCHEME,
            "An API key with the scope `admin`, as a bearer token or as `x-api-key`.",
        ),
    ] {
        registry.create_security_scheme(name, bearer("chk_…", description));
    }
}

impl<'a, P: About> ApiExtractor<'a> for Authenticated<P> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        P::SCHEMES.to_vec()
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match authenticate(request, P::PURPOSE) {
            Ok(caller) => Ok(Self(caller, PhantomData)),
            Err(error) => Err(ApiError::from(error).into()),
        }
    }
}
