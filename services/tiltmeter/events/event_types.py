"""The types of the events that others send and read, as a CloudEvents envelope names them."""

PREDICTION_TYPE = "io.tiltmeter.prediction.v1"
FEEDBACK_TYPE = "io.tiltmeter.feedback.v1"
ALERT_TYPE = "io.tiltmeter.alert.v1"
