//! `/setup`: the first administrator. Open to whoever holds the printed link, and only until there
//! is one.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::auth::{NewAccountResponse, carrier};
use super::{ApiResult, House, Tag, Text};
use crate::accounts::NewUser;
use crate::http::visitor::visitor_of;

pub(in crate::http) struct SetupApi;

#[derive(Object)]
struct SetupState {
    /// Whether there is no administrator yet.
    needed: bool,
}

/// Makes the first administrator.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct SetUp {
    /// From the link that was printed at the start.
    token: Text,
    username: Text,
    password: Text,
    email: Option<Text>,
    /// What mails to them are written in, e.g. `de`.
    language: Option<Text>,
    /// Sets the session cookie instead of answering with tokens.
    #[oai(default)]
    cookie: bool,
}

#[OpenApi(tag = "Tag::Setup")]
impl SetupApi {
    /// Whether set-up is still needed
    #[oai(path = "/setup", method = "get", operation_id = "get_setup")]
    async fn get_setup(&self, house: House<'_>) -> ApiResult<Json<SetupState>> {
        Ok(Json(SetupState {
            needed: house.accounts.needs_setup().await?,
        }))
    }

    /// Make the first administrator
    #[oai(path = "/setup", method = "post", operation_id = "complete_setup")]
    async fn complete_setup(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<SetUp>,
    ) -> ApiResult<NewAccountResponse> {
        let Json(SetUp {
            token,
            username,
            password,
            email,
            language,
            cookie,
        }) = body;
        let new = NewUser {
            username: username.into(),
            password: password.into(),
            email: email.map(Into::into),
            display_name: None,
            language: language.map(Into::into),
        };
        let visitor = visitor_of(request);
        let set_up = house
            .accounts
            .set_up(&visitor, &token, new, carrier(cookie));
        let signed_in = set_up.await?;
        Ok(NewAccountResponse::new(signed_in, request, &house))
    }
}
