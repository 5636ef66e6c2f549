//! Settings from environment variables, validated when they are read.

pub(crate) mod admin_token;
pub(crate) mod common_settings;
mod duration_settings;
mod near_misses;
pub(crate) mod number_settings;
pub(crate) mod setting_error;
pub(crate) mod settings;
mod text_settings;

#[cfg(test)]
mod common_settings_props;
#[cfg(test)]
mod settings_props;
#[cfg(test)]
mod settings_tests;

pub use admin_token::{AdminToken, MAX_TOKEN};
pub use common_settings::{CommonSettings, LogFormat};
pub use duration_settings::decimal;
pub use near_misses::KnownNames;
pub use number_settings::Limit;
pub use setting_error::SettingError;
pub use settings::{Settings, UNSET};
