// Package secret holds credentials so that they cannot be printed by accident,
// and masks them in text that libraries print.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every formatter shows in place of a secret.
const Redacted = "((redacted))"

// Value is a credential. Every way of formatting or encoding it gives Redacted;
// only Reveal gives the text. The zero Value is an absent credential.
type Value struct{ text string }

// New makes a Value of text.
func New(text string) Value { return Value{text: text} }

// Reveal returns the text. Call it only where the credential is handed to the
// peer that it belongs to.
func (v Value) Reveal() string { return v.text }

// Empty says whether there is no credential.
func (v Value) Empty() bool { return v.text == "" }

// Format implements fmt.Formatter, so that %v, %+v, %#v, %s, %q and %x all redact.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer for callers that do not go through fmt.
func (v Value) String() string { return Redacted }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// MarshalText implements encoding.TextMarshaler.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML implements yaml.Marshaler.
func (v Value) MarshalYAML() (any, error) { return Redacted, nil }

// UnmarshalText implements encoding.TextUnmarshaler: the way in is open.
func (v *Value) UnmarshalText(text []byte) error {
	v.text = string(text)
	return nil
}
