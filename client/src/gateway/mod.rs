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
//! | [`upstreams`] | an upstream with its policies |
//! | [`plan`] | what changes between two files |
//! | [`table`] | the upstreams by name, and how they change |
//! | [`reload`] | follows the file while the process runs |
//! | `clients` | the HTTP clients of one worker |
//! | [`body`] | request bodies that are held to be sent again, and others |
//! | `passing` | a request as an operation, whose result is the head of the answer |
//! | `answer_stream` | the body of the answer |
//! | `answering` | what the caller gets once the call has ended |
//! | [`worker`] | takes a request, makes its call, and answers it |

mod answer_stream;
mod answering;
pub mod body;
mod call_record;
mod clients;
pub mod default_headers;
pub mod file;
pub mod forwarded;
mod header_name;
pub mod hop_by_hop;
mod passing;
pub mod plan;
pub mod quota;
pub mod reload;
pub mod repeatable;
pub mod request_headers;
pub mod response_headers;
pub mod table;
pub mod target;
pub mod trusted_proxies;
pub mod upstreams;
pub mod worker;
