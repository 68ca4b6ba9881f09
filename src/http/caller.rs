//! Who is calling: the only place where a credential becomes a [`Caller`].
//!
//! `Authorization: Bearer` with an access token comes first; otherwise the page's cookie. Bad
//! credentials are never taken for none. Every operation that needs somebody takes an
//! [`Authenticated`]; there is no other way to a `Caller` in this room.

use std::ops::Deref;
use std::sync::Arc;

use poem::http::header::{AUTHORIZATION, COOKIE};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::errors::ApiError;
use crate::accounts::Caller;
use crate::appliance::Appliance;
use crate::error::{Error, Result};

const BEARER_SCHEME: &str = "access_token";
const COOKIE_SCHEME: &str = "session_cookie";

/// The browser takes a `__Host-` cookie only with `Secure`, so there are two names.
pub(super) const SECURE_COOKIE: &str = "__Host-chatelaine";
pub(super) const PLAIN_COOKIE: &str = "chatelaine";

pub(super) struct Authenticated(pub(super) Caller);

impl Deref for Authenticated {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// The session cookie of a request. A plain one may be left from before there was TLS, or planted
/// by a neighbour: it counts only where there is no other.
pub(super) fn session_cookie(request: &Request) -> Option<&str> {
    let named = |wanted: &str| {
        let cookies = request.headers().get_all(COOKIE).iter();
        cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == wanted).then_some(value))
    };
    named(SECURE_COOKIE).or_else(|| named(PLAIN_COOKIE))
}

fn bearer_token(request: &Request) -> Option<Result<&str>> {
    let header = request.headers().get(AUTHORIZATION)?;
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

pub(super) async fn authenticate(request: &Request) -> Result<Caller> {
    let appliance = request
        .data::<Arc<Appliance>>()
        .expect("every route is given the appliance");
    if let Some(token) = bearer_token(request) {
        return appliance.accounts.caller_by_access_token(token?).await;
    }
    match session_cookie(request) {
        Some(value) => appliance.accounts.caller_by_cookie(value).await,
        None => Err(Error::unauthenticated("sign in first")),
    }
}

impl<'a> ApiExtractor<'a> for Authenticated {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
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
        registry.create_security_scheme(
            BEARER_SCHEME,
            scheme(
                "http",
                None,
                None,
                Some("bearer"),
                Some("JWT"),
                "An access token from sign-in.",
            ),
        );
        registry.create_security_scheme(
            COOKIE_SCHEME,
            scheme(
                "apiKey",
                Some(SECURE_COOKIE),
                Some("cookie"),
                None,
                None,
                "The page's session.",
            ),
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER_SCHEME, COOKIE_SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match authenticate(request).await {
            Ok(caller) => Ok(Self(caller)),
            Err(error) => Err(ApiError::from(error).into()),
        }
    }
}
