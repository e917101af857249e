"""A ticket opens once, for a while, for who holds the secret that made it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities import tickets
from mlops_jupyter.capabilities.tickets import Tickets

# To HMAC, a key with zeros at its end is the key without them.
SECRETS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NOW = 1_800_000_000.0


@given(SECRETS, st.floats(0, 4e9), st.integers(1, 10**6))
def test_a_ticket_is_good_once(secret, now, life_s):
    ticket, desk = tickets.issue(secret, now, life_s), Tickets(secret)
    assert desk.spend(ticket, now)
    assert not desk.spend(ticket, now)


@given(st.integers(1, 1000), st.integers(0, 2000))
def test_a_ticket_is_good_until_it_expires(life_s, later):
    ticket = tickets.issue("secret", NOW, life_s)
    assert Tickets("secret").spend(ticket, NOW + later) == (later <= life_s)


@given(SECRETS, SECRETS)
def test_another_secret_s_ticket_is_none(secret, other):
    assert Tickets(other).spend(tickets.issue(secret, NOW), NOW) == (secret == other)


@given(st.data())
def test_a_changed_ticket_is_none(data):
    ticket = tickets.issue("secret", NOW)
    at = data.draw(st.integers(0, len(ticket) - 1))
    letter = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda letter: letter != ticket[at]))
    assert not Tickets("secret").spend(ticket[:at] + letter + ticket[at + 1 :], NOW)


@given(st.text())
def test_any_text_is_no_ticket(text):
    assert not Tickets("secret").spend(text, NOW)


def test_nobody_can_lengthen_a_ticket_s_life():
    ticket = tickets.issue("secret", NOW, 1)
    expiry, _, rest = ticket.partition(".")
    assert not Tickets("secret").spend(f"{int(expiry) + 1000}.{rest}", NOW)


def test_tickets_differ_and_do_not_contain_the_secret():
    issued = {tickets.issue("a-long-secret", NOW) for _ in range(100)}
    assert len(issued) == 100
    assert not any("a-long-secret" in ticket for ticket in issued)


def test_spent_tickets_are_forgotten_once_they_have_expired():
    desk = Tickets("secret")
    for second in range(50):
        assert desk.spend(tickets.issue("secret", NOW + second, 10), NOW + second)
    assert len(desk._spent) <= 12


@given(SECRETS, st.text(), st.text())
def test_a_proof_is_of_one_claim(secret, claim, other):
    proof = tickets.proof(secret, claim)
    assert len(proof) == 64
    assert tickets.same(proof, tickets.proof(secret, other)) == (claim == other)
