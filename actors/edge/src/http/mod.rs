pub(crate) mod count_requests;
