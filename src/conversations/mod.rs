//! Conversations: a tree of messages each, the replies being written in them, and their titles.
//!
//! Everything asks by owner: somebody else's conversation, message or reply is not found. A reply
//! belongs to the house, not to a connection: it is promised, checkpointed and finished in the
//! store, and whoever watches is only a reader. Called by `http`, and by `appliance` for
//! start-up and the title's job.

mod charges;
mod completions;
mod forgetting;
mod history;
mod listing;
mod messages;
mod metering;
mod model_choice;
mod opened;
mod policies;
mod promises;
mod replies;
mod reply_reader;
mod reply_writer;
mod running_reply;
mod tally;
mod titles;
mod tree;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::completions::{CompletedEmbedding, Completion, CompletionRequest, EmbeddingRequest};
pub use self::listing::{
    ConversationChange, ConversationPage, NewConversation, remove_conversations_of,
};
pub use self::messages::{EditMessage, Exchange, SendMessage, StartedReply};
pub use self::metering::CompletionStream;
use self::metering::Desk;
use self::policies::ScriptedPricing;
use self::replies::Replies;
pub use self::reply_reader::ReplyReader;
pub use self::running_reply::ReplyEvent;
pub use self::tree::MessageInTree;
use crate::accounts::allowance::Allowances;
use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::models::Adapters;
use crate::plugins::Plugins;
use crate::store::Store;
pub use crate::store::conversations::ConversationRecord;
pub use crate::store::messages::{Author, MessageStatus, ReplyError, ReplySettings};

pub struct Conversations {
    store: Arc<Store>,
    allowances: Arc<Allowances>,
    plugins: Arc<Plugins>,
    engine: Arc<dyn Engine>,
    adapters: Arc<Adapters>,
    jobs: Arc<Jobs>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    replies: Arc<Replies>,
}

/// What conversations stand on.
pub struct Grounds {
    pub store: Arc<Store>,
    pub allowances: Arc<Allowances>,
    pub plugins: Arc<Plugins>,
    pub engine: Arc<dyn Engine>,
    pub adapters: Arc<Adapters>,
    pub jobs: Arc<Jobs>,
    /// What shutdown waits for.
    pub tasks: TaskTracker,
    /// Tells replies to save themselves.
    pub stopping: CancellationToken,
}

impl Conversations {
    pub fn new(grounds: Grounds) -> Self {
        let replies = Replies::new(
            Arc::clone(&grounds.store),
            Arc::clone(&grounds.engine),
            Arc::clone(&grounds.jobs),
            grounds.tasks.clone(),
            grounds.stopping.clone(),
        );
        grounds
            .allowances
            .connect_pricing(Arc::new(ScriptedPricing {
                plugins: Arc::clone(&grounds.plugins),
                store: Arc::clone(&grounds.store),
                engine: Arc::clone(&grounds.engine),
            }));
        Self {
            store: grounds.store,
            allowances: grounds.allowances,
            plugins: grounds.plugins,
            engine: grounds.engine,
            adapters: grounds.adapters,
            jobs: grounds.jobs,
            tasks: grounds.tasks,
            stopping: grounds.stopping,
            replies: Arc::new(replies),
        }
    }

    fn desk(&self) -> Desk {
        Desk {
            store: Arc::clone(&self.store),
            tasks: self.tasks.clone(),
            stopping: self.stopping.clone(),
        }
    }
}
