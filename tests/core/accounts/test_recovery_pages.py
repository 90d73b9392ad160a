"""A student who has forgotten the password gets back in on the pages of the sign-in."""

from tests.core.accounts.conftest import House, new_email
from tests.core.conftest import PASSWORD
from tests.core.oauth.browsing import Browser, forms, register

NEW_PASSWORD = "quite another password"


async def test_a_forgotten_password_is_set_anew_and_the_sign_in_goes_on(house: House) -> None:
    student, app, browser = await house.register(), await register(house.client), Browser(house.client)
    page = await browser.submit(await browser.open(app.request()), "forgot")
    page = await browser.submit(page, "forgot", email=student.email)
    assert page.status_code == 200
    token = await house.smtp.token(student.email, "Reset")
    weak = await browser.submit(page, "reset", token=token, password="12345678")
    assert (weak.status_code, "tried first" in weak.text) == (422, True)
    signing_in = await browser.submit(page, "reset", token=f" {token} ", password=NEW_PASSWORD)
    assert (signing_in.status_code, "Your password is changed" in signing_in.text) == (200, True)
    assert not await house.works(student), "every device signs in again"
    again = await browser.submit(page, "reset", token=token, password="yet another password")
    assert (again.status_code, 'role="alert"' in again.text) == (401, True)
    old = await browser.submit(signing_in, "sign-in", email=student.email, password=PASSWORD)
    assert old.status_code == 401
    consent = await browser.submit(signing_in, "sign-in", email=student.email, password=NEW_PASSWORD)
    assert (consent.status_code, [form.action for form in forms(consent)]) == (200, ["consent"])


async def test_the_pages_tell_no_account_from_none(house: House) -> None:
    student, app, browser = await house.register(), await register(house.client), Browser(house.client)
    page = await browser.submit(await browser.open(app.request()), "forgot")
    answers = [await browser.submit(page, "forgot", email=email) for email in (student.email, new_email())]
    shown = [(answer.status_code, answer.text.replace(forms(answer)[0].fields["ticket"], "")) for answer in answers]
    assert shown[0] == shown[1]
    made_up = await browser.submit(answers[0], "reset", token="x" * 64, password=NEW_PASSWORD)
    assert made_up.status_code == 401
    assert (await browser.submit(answers[0], "reset")).status_code == 422
