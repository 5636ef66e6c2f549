//! Adapters: other libraries' calls and requests behind the policies of an [`Upstream`](crate::Upstream). Each is a
//! feature of the crate, off by default.
//!
//! | feature | module | role |
//! |---|---|---|
//! | `actix-address` | `address` | sends messages to an actix actor |
//! | `http` | `http` | what HTTP's statuses and headers mean to the policies, whatever the client |
//! | `awc` | `awc` | makes requests with awc; includes `http` |
//! | `actix-web` | `actix_web` | a middleware that limits the requests to a server of one's own; includes `http` |
//! | `tower` | `tower` | a layer for services of tower: reqwest, hyper, tonic; includes `http` |

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "actix-address")]
pub mod address;
#[cfg(feature = "awc")]
pub mod awc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "tower")]
pub mod tower;
