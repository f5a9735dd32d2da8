"""What is nested in a call session: its calls, its recordings, its other resource usage."""

from harvester.history import Content, Field, Kind, fields_of

CALL = (
    Field("call_id", Kind.INTEGER),
    Field("start_time", Kind.INSTANT),
    Field("duration", Kind.INTEGER),
    *fields_of(Kind.TEXT, "local_number remote_number", Content.NUMBER),
    Field("remote_number_type", Kind.TEXT),
    Field("diversion_number", Kind.TEXT, content=Content.NUMBER),
    *fields_of(Kind.BOOLEAN, "incoming successful"),
    Field("transaction_id", Kind.INTEGER),
    Field("record_url", Kind.TEXT, content=Content.URL),
    Field("media_server_address", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("custom_data", Kind.TEXT),
    Field("end_reason", Kind.OBJECT, (Field("code", Kind.INTEGER), Field("details", Kind.TEXT))),
    *fields_of(Kind.TEXT, "audio_quality direction"),
)

RESOURCE_USAGE = (
    Field("resource_usage_id", Kind.INTEGER),
    Field("resource_type", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("description", Kind.TEXT),
    Field("used_at", Kind.INSTANT),
    Field("transaction_id", Kind.INTEGER),
    Field("resource_quantity", Kind.NUMBER),  # typed int by the vendor, decimal by its Java client
    Field("unit", Kind.TEXT),
    Field("ref_call_id", Kind.INTEGER),
)

RECORD = (
    Field("record_id", Kind.INTEGER),
    Field("record_name", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("start_time", Kind.INSTANT),
    Field("duration", Kind.INTEGER),
    Field("record_url", Kind.TEXT, content=Content.URL),
    Field("transaction_id", Kind.INTEGER),
    Field("file_size", Kind.NUMBER),
    Field("transcription_url", Kind.TEXT, content=Content.URL),
    Field("transcription_status", Kind.TEXT),
    Field("transcription_transaction_id", Kind.INTEGER),
    *fields_of(Kind.BOOLEAN, "hd_audio lossless is_removed"),
    Field("expiration_date", Kind.DATE),
    Field("media_parameters", Kind.TEXT),
)
