//! Every table there is, named VALUE_BY_KEY. A name that was ever released is never used again for
//! something else. All are made by the first migration that knows them. Used by `store/` alone.

use super::adapters::AdapterRecord;
use super::allowances::{AllowanceEntryRecord, AllowanceRecord, Holder, ReservationRecord};
use super::api_keys::ApiKeyRecord;
use super::attempts::AttemptsRecord;
use super::audit::AuditRecord;
use super::conversations::ConversationRecord;
use super::groups::GroupRecord;
use super::jobs::JobRecord;
use super::keys::LatestFirst;
use super::links::LinkRecord;
use super::mails::MailRecord;
use super::messages::MessageRecord;
use super::notices::NoticeRecord;
use super::plugins::{PluginLogRecord, PluginRecord, PluginValueRecord};
use super::registration_keys::{KeyUseRecord, RegistrationKeyRecord};
use super::remote_sources::RemoteSourceRecord;
use super::replies::ReplyRecord;
use super::requests::RequestRecord;
use super::search_outbox::SearchChange;
use super::sessions::SessionRecord;
use super::settings::SettingRecord;
use super::transaction::Table;
use super::usage::UsageRecord;
use super::users::UserRecord;
use crate::ids::{
    ApiKeyId, ConversationId, GroupId, JobId, MailId, MessageId, NoticeId, RegistrationKeyId,
    RemoteSourceId, RequestId, SessionId, UserId,
};
use crate::secrets::SecretHash;

pub(super) const USER_BY_ID: Table<UserId, UserRecord> = Table::new("user_by_id");
pub(super) const USER_ID_BY_USERNAME: Table<String, UserId> = Table::new("user_id_by_username");
pub(super) const USER_ID_BY_EMAIL: Table<String, UserId> = Table::new("user_id_by_email");

pub(super) const SESSION_BY_ID: Table<SessionId, SessionRecord> = Table::new("session_by_id");
pub(super) const SESSION_OF_USER: Table<(UserId, SessionId), ()> = Table::new("session_of_user");

pub(super) const API_KEY_BY_ID: Table<ApiKeyId, ApiKeyRecord> = Table::new("api_key_by_id");
pub(super) const API_KEY_ID_BY_HASH: Table<SecretHash, ApiKeyId> = Table::new("api_key_id_by_hash");
pub(super) const API_KEY_OF_USER: Table<(UserId, ApiKeyId), ()> = Table::new("api_key_of_user");

pub(super) const GROUP_BY_ID: Table<GroupId, GroupRecord> = Table::new("group_by_id");
pub(super) const REGISTRATION_KEY_BY_ID: Table<RegistrationKeyId, RegistrationKeyRecord> =
    Table::new("registration_key_by_id");
pub(super) const REGISTRATION_KEY_ID_BY_HASH: Table<SecretHash, RegistrationKeyId> =
    Table::new("registration_key_id_by_hash");
pub(super) const REGISTRATION_KEY_USE: Table<(RegistrationKeyId, UserId), KeyUseRecord> =
    Table::new("registration_key_use");
pub(super) const LINK_BY_HASH: Table<SecretHash, LinkRecord> = Table::new("link_by_hash");
pub(super) const LINK_OF_USER: Table<(UserId, SecretHash), ()> = Table::new("link_of_user");
pub(super) const REQUEST_BY_ID: Table<RequestId, RequestRecord> = Table::new("request_by_id");
pub(super) const ATTEMPTS_BY_HASH: Table<SecretHash, AttemptsRecord> =
    Table::new("attempts_by_hash");

pub(super) const NOTICE_OF_USER: Table<(UserId, NoticeId), NoticeRecord> =
    Table::new("notice_of_user");

pub(super) const AUDIT_ENTRY_BY_SEQUENCE: Table<u64, AuditRecord> =
    Table::new("audit_entry_by_sequence");

pub(super) const CONVERSATION_BY_ID: Table<ConversationId, ConversationRecord> =
    Table::new("conversation_by_id");
/// Owner, archived, not pinned, latest change first.
pub(super) const CONVERSATION_BY_PLACE: Table<ConversationPlace, ()> =
    Table::new("conversation_by_place");
pub(super) type ConversationPlace = ((UserId, bool), (bool, (LatestFirst, ConversationId)));

pub(super) const MESSAGE_BY_CONVERSATION: Table<(ConversationId, MessageId), MessageRecord> =
    Table::new("message_by_conversation");
pub(super) const CONVERSATION_ID_BY_MESSAGE: Table<MessageId, ConversationId> =
    Table::new("conversation_id_by_message");
pub(super) const MESSAGE_ID_BY_CLIENT_ID: Table<(UserId, String), MessageId> =
    Table::new("message_id_by_client_id");

/// Only replies that are being written.
pub(super) const REPLY_BY_ID: Table<MessageId, ReplyRecord> = Table::new("reply_by_id");

pub(super) const ADAPTER_BY_ID: Table<String, AdapterRecord> = Table::new("adapter_by_id");
pub(super) const REMOTE_SOURCE_BY_ID: Table<RemoteSourceId, RemoteSourceRecord> =
    Table::new("remote_source_by_id");

/// The day is counted from 1970.
pub(super) const USAGE_BY_DAY_AND_MODEL: Table<(u64, String), UsageRecord> =
    Table::new("usage_by_day_and_model");
pub(super) const PLUGIN_BY_NAME: Table<String, PluginRecord> = Table::new("plugin_by_name");
/// Latest first.
pub(super) const PLUGIN_LOG_BY_PLACE: Table<String, PluginLogRecord> =
    Table::new("plugin_log_by_place");
pub(super) const PLUGIN_VALUE_BY_KEY: Table<String, PluginValueRecord> =
    Table::new("plugin_value_by_key");

pub(super) const ALLOWANCE_BY_HOLDER: Table<Holder, AllowanceRecord> =
    Table::new("allowance_by_holder");
pub(super) const ALLOWANCE_ENTRY_BY_NUMBER: Table<(Holder, u64), AllowanceEntryRecord> =
    Table::new("allowance_entry_by_number");
/// Only of replies that are being written.
pub(super) const ALLOWANCE_RESERVATION_BY_ID: Table<MessageId, ReservationRecord> =
    Table::new("allowance_reservation_by_id");

pub(super) const SETTING_BY_NAME: Table<String, SettingRecord> = Table::new("setting_by_name");
pub(super) const JOB_BY_ID: Table<JobId, JobRecord> = Table::new("job_by_id");

pub(super) const MAIL_BY_ID: Table<MailId, MailRecord> = Table::new("mail_by_id");
/// Only of mails that wait.
pub(super) const MAIL_BY_DUE: Table<(u64, MailId), ()> = Table::new("mail_by_due");
/// Recipient, time.
pub(super) const MAIL_OF_RECIPIENT: Table<(u64, (u64, MailId)), ()> =
    Table::new("mail_of_recipient");

pub(super) const SEARCH_CHANGE_BY_SEQUENCE: Table<u64, SearchChange> =
    Table::new("search_change_by_sequence");
