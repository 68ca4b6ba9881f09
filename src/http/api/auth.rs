//! `/auth`: registering, signing in and out, and who one is. A program gets tokens, the page a
//! cookie that no script can read; which of the two, the request says.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::notices::Notice;
use super::requests::AdminRequest;
use super::settings::{RegistrationApproval, RegistrationMode};
use super::users::User;
use super::{ApiResult, House, Tag, Text};
use crate::accounts::{
    Carrier, Credentials, NewUser, Registered, Registration, SignedIn as Granted,
};
use crate::appliance::Appliance;
use crate::http::caller::{
    Owner, PLAIN_COOKIE, Reader, SECURE_COOKIE, session_cookie_header, session_cookies,
};
use crate::http::visitor::visitor_of;

pub(in crate::http) struct AuthApi;

#[derive(Object)]
struct RegistrationState {
    mode: RegistrationMode,
    /// An e-mail must be given, and proved.
    verify_email: bool,
    approval: RegistrationApproval,
    /// Without, nobody can be mailed a link: whoever runs the house makes it.
    sends_mail: bool,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct Register {
    username: Text,
    password: Text,
    email: Option<Text>,
    display_name: Option<Text>,
    registration_key: Option<Text>,
    /// For whoever approves, where somebody must.
    reason: Option<Text>,
    /// What mails to them are written in, e.g. `de`.
    language: Option<Text>,
    /// Sets the session cookie instead of answering with tokens.
    #[oai(default)]
    cookie: bool,
}

/// The account is made, and something must come before it may be used.
#[derive(Object)]
struct PendingAccount {
    user: User,
    pending: Pending,
}

/// What comes first: the link that was mailed is followed, or an administrator approves.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Pending {
    Email,
    Approval,
}

#[derive(ApiResponse)]
enum RegisterResponse {
    /// The account was made, and its owner is signed in.
    #[oai(status = 201)]
    SignedIn(Json<SignedIn>, #[oai(header = "Set-Cookie")] Option<String>),
    /// The account was made; something must come before it may be used.
    #[oai(status = 202)]
    Pending(Json<PendingAccount>),
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct SignIn {
    /// The username or the e-mail.
    login: Text,
    password: Text,
    /// Sets the session cookie instead of answering with tokens.
    #[oai(default)]
    cookie: bool,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Refresh {
    refresh_token: Text,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Me {
    user: User,
    /// What one asked for last, as long as it is remembered.
    admin_request: Option<AdminRequest>,
    /// A link was mailed to this address; following it makes it one's own.
    email_to_prove: Option<String>,
    /// What the house has to tell one, oldest first.
    notices: Vec<Notice>,
}

/// The tokens are there unless a cookie was asked for.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct SignedIn {
    user: User,
    access_token: Option<String>,
    /// Good once: refreshing gives the next one.
    refresh_token: Option<String>,
    token_type: Option<String>,
    /// Seconds the access token lives.
    expires_in: Option<u32>,
}

#[derive(ApiResponse)]
enum SignInResponse {
    /// Signed in.
    #[oai(status = 200)]
    SignedIn(Json<SignedIn>, #[oai(header = "Set-Cookie")] Option<String>),
}

#[derive(ApiResponse)]
pub(super) enum NewAccountResponse {
    /// The account was made, and its owner is signed in.
    #[oai(status = 201)]
    Created(Json<SignedIn>, #[oai(header = "Set-Cookie")] Option<String>),
}

#[derive(ApiResponse)]
enum SignOutResponse {
    /// Signed out.
    #[oai(status = 204)]
    SignedOut(#[oai(header = "Set-Cookie")] String),
}

impl SignInResponse {
    fn new(granted: Granted, request: &Request, house: &Appliance) -> Self {
        let (body, cookie) = on_the_wire(granted, request, house);
        Self::SignedIn(body, cookie)
    }
}

impl NewAccountResponse {
    pub(super) fn new(granted: Granted, request: &Request, house: &Appliance) -> Self {
        let (body, cookie) = on_the_wire(granted, request, house);
        Self::Created(body, cookie)
    }
}

pub(super) fn carrier(cookie: bool) -> Carrier {
    if cookie {
        Carrier::Cookie
    } else {
        Carrier::Tokens
    }
}

fn on_the_wire(
    granted: Granted,
    request: &Request,
    house: &Appliance,
) -> (Json<SignedIn>, Option<String>) {
    let user = User::from(granted.user);
    let bare = SignedIn {
        user,
        access_token: None,
        refresh_token: None,
        token_type: None,
        expires_in: None,
    };
    match granted.credentials {
        Credentials::Cookie { value, max_age_s } => {
            let cookie = set_cookie(&value, max_age_s, request, house);
            (Json(bare), Some(cookie))
        }
        Credentials::Tokens {
            access_token,
            refresh_token,
            expires_in_s,
        } => {
            let body = SignedIn {
                access_token: Some(access_token),
                refresh_token: Some(refresh_token),
                token_type: Some("Bearer".into()),
                expires_in: Some(expires_in_s),
                ..bare
            };
            (Json(body), None)
        }
    }
}

/// One of the other name goes with it, which the guard sees to.
fn set_cookie(value: &str, max_age_s: u32, request: &Request, house: &Appliance) -> String {
    let name = match takes_secure_cookies(request, house) {
        true => SECURE_COOKIE,
        false => PLAIN_COOKIE,
    };
    session_cookie_header(name, value, max_age_s)
}

/// Behind a sign-in that gives a browser another cookie: what it was signed in with ends.
async fn end_sessions_before(request: &Request, granted: &Granted, house: &Appliance) {
    if let Credentials::Cookie { .. } = granted.credentials {
        let before = session_cookies(request);
        // Whoever signed in is signed in all the same.
        if let Err(error) = house.accounts.end_sessions_of_cookies(before).await {
            tracing::warn!(%error, "a session that was replaced did not end");
        }
    }
}

/// With TLS in front every browser does; without, browsers make an exception for this very
/// machine, all but Safari.
fn takes_secure_cookies(request: &Request, house: &Appliance) -> bool {
    if house.config.http.has_tls() {
        return true;
    }
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let host = header("host");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let this_machine = name == "localhost" || name == "[::1]" || name.starts_with("127.");
    let agent = header("user-agent");
    let safari = agent.contains("Safari/") && !agent.contains("Chrom");
    this_machine && !safari
}

#[OpenApi(prefix_path = "/auth", tag = "Tag::Auth")]
impl AuthApi {
    /// Which ways to register are open
    #[oai(
        path = "/registration",
        method = "get",
        operation_id = "get_registration"
    )]
    async fn get_registration(&self, house: House<'_>) -> ApiResult<Json<RegistrationState>> {
        let rules = house.accounts.registration_rules().await?;
        Ok(Json(RegistrationState {
            mode: rules.mode.into(),
            verify_email: rules.verify_email,
            approval: rules.effective_approval().into(),
            sends_mail: house.accounts.sends_mail().await?,
        }))
    }

    /// Make one's own account and sign in
    #[oai(path = "/register", method = "post", operation_id = "register_user")]
    async fn register_user(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<Register>,
    ) -> ApiResult<RegisterResponse> {
        let body = body.0;
        let registration = Registration {
            new: NewUser {
                username: body.username.into(),
                password: body.password.into(),
                email: body.email.map(Into::into),
                display_name: body.display_name.map(Into::into),
                language: body.language.map(Into::into),
            },
            key: body.registration_key.map(Into::into),
            reason: body.reason.map(Into::into),
        };
        let visitor = visitor_of(request);
        let registered = house
            .accounts
            .register(&visitor, registration, carrier(body.cookie));
        Ok(match registered.await? {
            Registered::SignedIn(granted) => {
                end_sessions_before(request, &granted, &house).await;
                let (body, cookie) = on_the_wire(granted, request, &house);
                RegisterResponse::SignedIn(body, cookie)
            }
            Registered::Pending(user, awaited) => RegisterResponse::Pending(Json(PendingAccount {
                user: user.into(),
                pending: match awaited.email {
                    true => Pending::Email,
                    false => Pending::Approval,
                },
            })),
        })
    }

    /// Sign in with a username or an e-mail
    #[oai(path = "/login", method = "post", operation_id = "sign_in")]
    async fn sign_in(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<SignIn>,
    ) -> ApiResult<SignInResponse> {
        let Json(SignIn {
            login,
            password,
            cookie,
        }) = body;
        let granted = house
            .accounts
            .sign_in(&visitor_of(request), &login, &password, carrier(cookie))
            .await?;
        end_sessions_before(request, &granted, &house).await;
        Ok(SignInResponse::new(granted, request, &house))
    }

    /// Get new tokens for a refresh token
    #[oai(path = "/refresh", method = "post", operation_id = "refresh_tokens")]
    async fn refresh_tokens(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<Refresh>,
    ) -> ApiResult<SignInResponse> {
        let granted = house
            .accounts
            .refresh(&visitor_of(request), &body.refresh_token)
            .await?;
        Ok(SignInResponse::new(granted, request, &house))
    }

    /// End this session at once
    #[oai(path = "/logout", method = "post", operation_id = "sign_out")]
    async fn sign_out(
        &self,
        house: House<'_>,
        caller: Owner,
        request: &Request,
    ) -> ApiResult<SignOutResponse> {
        let cookies = session_cookies(request);
        house.accounts.sign_out(&caller, cookies).await?;
        Ok(SignOutResponse::SignedOut(set_cookie(
            "", 0, request, &house,
        )))
    }

    /// Who one is
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn get_me(&self, house: House<'_>, caller: Reader) -> ApiResult<Json<Me>> {
        let notices = house.accounts.list_notices(&caller).await?;
        let admin_request = house.accounts.find_own_admin_request(&caller).await?;
        Ok(Json(Me {
            user: house.accounts.profile(&caller).await?.into(),
            admin_request: admin_request.map(Into::into),
            email_to_prove: house.accounts.find_email_to_prove(&caller).await?,
            notices: notices.into_iter().map(Into::into).collect(),
        }))
    }
}
