"""Bugs on the way from JSON to a row: what is lost, altered or shown there."""

from tests.mutants.mutant import Edit, Mutant

RECORDS = (
    Mutant(
        "quarantine-dropped",
        "a record that does not fit is thrown away",
        (
            Edit(
                "harvester/pipeline.py",
                "self.keep(reading.harvest.window, reading.harvest.quarantined)",
                "pass",
            ),
        ),
        ("tests/acceptance/test_faults.py::test_records_that_do_not_fit_go_to_quarantine[wrong_type]",),
    ),
    Mutant(
        "unknown-fields-dropped",
        "a field that the schema does not know is thrown away",
        (
            Edit(
                "harvester/records/columns.py",
                "                extras[position] = strange | extras.get(position, {})\n",
                "",
            ),
        ),
        ("tests/test_decode.py::test_unknown_keys_land_in_extra_where_they_were",),
    ),
    Mutant(
        "big-integer-rounded",
        "an integer beyond 64 bits is taken as the float that the parser makes of it",
        (Edit("harvester/records/columns.py", "if magnitude > EXACT:", "if False:"),),
        ("tests/test_decode_misfits.py::test_a_value_that_does_not_fit_is_quarantined",),
    ),
    Mutant(
        "decimal-rounded",
        "a decimal with more digits than a float holds is rounded",
        (
            Edit(
                "harvester/records/decode.py",
                "if (conversion.doubtful or may_round(text)) and rounds(text):",
                "if False:",
            ),
        ),
        ("tests/test_decode_misfits.py::test_a_value_that_does_not_fit_is_quarantined",),
    ),
    Mutant(
        "neighbours-lost",
        "a record that does not fit takes its page along",
        (
            Edit(
                "harvester/records/decode.py",
                "                if middle == start:\n",
                "                if True:\n",
            ),
        ),
        ("tests/test_decode_misfits.py::test_an_element_that_is_no_object_is_quarantined",),
    ),
    Mutant(
        "hash-without-key",
        "hashes of phone numbers do not depend on the key, so anybody can try all numbers",
        (Edit("harvester/number_key.py", "hmac.digest(self._key, number", 'hmac.digest(b"", number'),),
        ("tests/test_secret.py::test_the_same_number_gives_the_same_hash",),
    ),
    Mutant(
        "url-not-dropped",
        "`--redact-urls` leaves the URLs of unknown fields in `extra`",
        (
            Edit(
                "harvester/records/redaction.py",
                "        if content is Content.URL and self._to.urls:\n",
                "        if False:\n",
            ),
        ),
        ("tests/test_redaction.py::test_extra_and_the_names_of_unknown_keys_are_hidden_too",),
    ),
)
