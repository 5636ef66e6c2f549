//! The gateway: passes requests to `/upstreams/{name}/{path}` on to upstreams, with all policies, and their answers
//! back.
//!
//! | module | role |
//! |---|---|
//! | [`mod@file`] | the upstreams, from one file |
//! | [`target`] | which upstream a request is for, and what is asked of it |
//! | [`hop_by_hop`] | headers that are for one connection only |
//! | [`trusted_proxies`] | peers that may say whom they forward for |
//! | [`forwarded`] | `X-Forwarded-*` and `Via` |
//! | `header_name` | names of headers as upstreams see them |
//! | [`default_headers`] | headers that an upstream's configuration adds |
//! | [`request_headers`] | the head of the request to the upstream |
//! | [`response_headers`] | the head of the answer to the caller |
//! | [`repeatable`] | which requests may be sent more than once |
//! | [`quota`] | a limit that counts what is taken, and gets it back |
//! | [`endpoints`] | where an upstream is, which of several endpoints is ejected, and the HTTP clients of a worker |
//! | [`upstreams`] | an upstream with its policies |
//! | [`plan`] | what changes between two files |
//! | [`table`] | the upstreams by name, and how they change |
//! | [`reload`] | follows the file while the process runs |
//! | [`body`] | request bodies that are held to be sent again, and others |
//! | `passed_answer` | what a call results in |
//! | `cache` | what a shared cache may do, and the answers that are kept |
//! | `reuse` | an answer for more than one request: shared calls and stale answers |
//! | `passing` | a request as an operation, whose result is the head of the answer |
//! | `uploading` | a streamed request body on its way, as an attempt sees it |
//! | `answer_stream` | the body of the answer, with its connection |
//! | `event_stream` | streams of server-sent events, which end when the process does |
//! | `sliced` | a body that is all there, sent in parts |
//! | `passed_on` | the body of the answer, and what happens if it fails |
//! | `fair_turns` | turns of a task that reads from an upstream which sends without end |
//! | `reader` | the caller as the reader of an answer: whether it is slow |
//! | `held` | what an answer holds while it is passed on |
//! | `idle` | the time without progress of the bodies of one exchange |
//! | `answering` | what the caller gets once the call has ended |
//! | [`worker`] | takes a request, makes its call, and answers it |

mod answer_stream;
mod answering;
pub mod body;
mod cache;
mod call_record;
pub mod default_headers;
pub mod endpoints;
mod event_stream;
mod fair_turns;
pub mod file;
pub mod forwarded;
mod header_name;
mod held;
pub mod hop_by_hop;
mod idle;
mod passed_answer;
mod passed_on;
mod passing;
pub mod plan;
pub mod quota;
mod reader;
pub mod reload;
pub mod repeatable;
pub mod request_headers;
pub mod response_headers;
pub mod reuse;
mod sliced;
pub mod table;
pub mod target;
pub mod trusted_proxies;
mod uploading;
pub mod upstreams;
pub mod worker;
