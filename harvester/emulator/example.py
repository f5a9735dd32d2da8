"""The session of the vendor's reference page of ``GetCallHistory``, value for value."""

from collections.abc import Mapping
from types import MappingProxyType

SECOND = 1_716_995_126  # 2024-05-29 15:05:26 UTC
SESSION_ID = 4_202_753_936
ACCOUNT_ID = 4_714_487

_STORE = "https://storage-gw-ru-02.voximplant.com"
_RECORDS = f"{_STORE}/voximplant-records-secure/2024/05/29"
_LOGS = f"{_STORE}/voximplant-logs-secure/2024/05/29"

SESSION: Mapping[str, object] = MappingProxyType(
    {
        "rule_name": "incoming",
        "application_name": "app.account.voximplant.com",
        "call_session_history_id": SESSION_ID,
        "account_id": ACCOUNT_ID,
        "application_id": 10733204,
        "start_date": "2024-05-29 15:05:26",
        "duration": 6,
        "initiator_address": "1.1.1.1",
        "media_server_address": "2.2.2.2",
        "log_file_url": f"{_LOGS}/very-beautiful-link?sessionid=4881753936",
        "finish_reason": "Normal termination",
        "calls": [
            {
                "call_id": 4202571214,
                "start_time": "2024-05-29 15:05:27",
                "diversion_number": "",
                "duration": 6,
                "local_number": "420214575",
                "remote_number": "42027877410",
                "remote_number_type": "pstn",
                "incoming": True,
                "successful": True,
                "transaction_id": 42027707220008,
                "record_url": f"{_RECORDS}/very-beautiful-record.mp3?record_id=4124252234",
                "cost": 0.530625,
                "end_reason": {"code": 200, "details": "Normal call clearing"},
                "audio_quality": "Standard",
                "direction": "All numbers",
            }
        ],
        "other_resource_usage": [
            {
                "resource_usage_id": 4202424788,
                "resource_type": "TTS_SMARTSPEECH",
                "cost": 0.0096,
                "description": "TextToSpeech",
                "used_at": "2024-05-29 15:05:27",
                "transaction_id": 42027707260008,
                "resource_quantity": 36,
                "unit": "",
            },
            {
                "resource_usage_id": 4202424789,
                "resource_type": "TRANSCRIPTION",
                "cost": 0.108,
                "description": "Call Transcription",
                "used_at": "2024-05-29 15:05:27",
                "transaction_id": 42027706800008,
                "resource_quantity": 5,
                "unit": "",
            },
        ],
        "records": [
            {
                "record_id": 4202252234,
                "record_name": "Call Recorder",
                "cost": 0.053063,
                "start_time": "2024-05-29 15:05:26",
                "duration": 5,
                "record_url": f"{_RECORDS}/very-beautiful-record.mp3?record_id=4202252234",
                "transaction_id": 42027706770008,
                "file_size": 0,
                "transcription_url": f"{_RECORDS}/very-beautiful-link",
                "transcription_status": "Complete",
                "hd_audio": False,
                "transcription_transaction_id": 42027706800008,
                "is_removed": False,
                "lossless": False,
                "expiration_date": "2024-08-27",
                "media_parameters": '{"audio_codec" : "mp3" , "container" : "mp3"}',
            }
        ],
        "active": False,
    }
)
