//! Notices: one's own, until they were seen. How they come about is tested with their cause.

use crate::support::House;

#[tokio::test]
async fn a_notice_that_is_none_is_not_found() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let path = format!("/api/v1/users/me/notices/{}", "0".repeat(32));
    ada.delete(&path).await.refused(404, "not_found");
}
