"""The video file sink: encoding, resuming, live recording, copied audio and subtitles."""
