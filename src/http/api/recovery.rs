//! `/auth`, as far as mailed links go: proving an e-mail, setting a password that was forgotten, and
//! asking to become an administrator. An answer never tells whether there is such an account.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::requests::AdminRequest;
use super::{ApiResult, House, Tag, Text};
use crate::accounts::{Awaited, UserStatus};
use crate::http::caller::Owner;
use crate::http::visitor::visitor_of;

pub(in crate::http) struct RecoveryApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct VerifyEmail {
    /// From the link that was mailed.
    token: Text,
}

#[derive(Object)]
struct VerifiedEmail {
    username: String,
    /// An administrator has yet to approve.
    awaits_approval: bool,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct SendVerification {
    login: Text,
    password: Text,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ForgotPassword {
    /// The username or the e-mail.
    login: Text,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ResetPassword {
    /// From the link that was mailed.
    token: Text,
    password: Text,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct AskForAdminRole {
    /// For whoever decides.
    reason: Option<Text>,
}

#[derive(ApiResponse)]
enum MaybeSentResponse {
    /// If there is somebody to be mailed, they are. Nothing more is said.
    #[oai(status = 202)]
    MaybeSent,
}

#[derive(ApiResponse)]
enum ResetPasswordResponse {
    /// Set; every session and every API key has ended.
    #[oai(status = 204)]
    Set,
}

#[derive(ApiResponse)]
enum AskedResponse {
    /// Asked; the answer comes by mail, and is seen here.
    #[oai(status = 202)]
    Asked(Json<AdminRequest>),
}

#[OpenApi(prefix_path = "/auth", tag = "Tag::Auth")]
impl RecoveryApi {
    /// Prove an e-mail by the link that was mailed there
    #[oai(path = "/verify-email", method = "post", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<VerifyEmail>,
    ) -> ApiResult<Json<VerifiedEmail>> {
        let user = house
            .accounts
            .prove_email(&visitor_of(request), &body.token)
            .await?;
        let awaits_approval = matches!(
            user.status,
            UserStatus::Pending(Awaited { approval: true, .. })
        );
        Ok(Json(VerifiedEmail {
            username: user.username,
            awaits_approval,
        }))
    }

    /// Have the link that proves the e-mail mailed once more
    #[oai(
        path = "/verify-email/resend",
        method = "post",
        operation_id = "send_verification"
    )]
    async fn send_verification(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<SendVerification>,
    ) -> ApiResult<MaybeSentResponse> {
        let visitor = visitor_of(request);
        let Json(SendVerification { login, password }) = body;
        let sent = house.accounts.send_proof_again(&visitor, &login, &password);
        sent.await?;
        Ok(MaybeSentResponse::MaybeSent)
    }

    /// Have a link mailed that sets a new password
    #[oai(
        path = "/password/forgot",
        method = "post",
        operation_id = "request_password_reset"
    )]
    async fn request_password_reset(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<ForgotPassword>,
    ) -> ApiResult<MaybeSentResponse> {
        let visitor = visitor_of(request);
        house
            .accounts
            .forgot_password(&visitor, &body.login)
            .await?;
        Ok(MaybeSentResponse::MaybeSent)
    }

    /// Set a new password by the link that was mailed
    #[oai(
        path = "/password/reset",
        method = "post",
        operation_id = "reset_password"
    )]
    async fn reset_password(
        &self,
        house: House<'_>,
        request: &Request,
        body: Json<ResetPassword>,
    ) -> ApiResult<ResetPasswordResponse> {
        let Json(ResetPassword { token, password }) = body;
        house
            .accounts
            .reset_password(&visitor_of(request), &token, &password)
            .await?;
        Ok(ResetPasswordResponse::Set)
    }

    /// Ask to become an administrator
    #[oai(
        path = "/admin-request",
        method = "post",
        operation_id = "request_admin_role"
    )]
    async fn request_admin_role(
        &self,
        house: House<'_>,
        caller: Owner,
        body: Json<AskForAdminRole>,
    ) -> ApiResult<AskedResponse> {
        let reason = body.0.reason.map(String::from).unwrap_or_default();
        let request = house.accounts.ask_for_admin_role(&caller, &reason).await?;
        Ok(AskedResponse::Asked(Json(request.into())))
    }
}
