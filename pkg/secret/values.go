package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Values are credentials by their names, as manifests take them: a text, or a map with
// fields such as private_key. As with Value, every way of formatting or encoding them
// gives Redacted; who writes or renders them takes them out with Reveal. They are read
// from JSON as any map; YAML's decoder would make Values of the maps in them, too.
type Values map[string]any

// Reveal gives the values as they are. Call it only where they are encrypted, or handed
// to what a manifest is rendered for.
func (v Values) Reveal() map[string]any { return v }

// RevealText gives in clear a value that is a text, or a field of one that has fields, "" for no
// field; it is empty where there is none. Call it only where Reveal may be.
func (v Values) RevealText(name, field string) string {
	value := v[name]
	if field != "" {
		fields, _ := value.(map[string]any)
		value = fields[field]
	}
	text, _ := value.(string)
	return text
}

// Format implements fmt.Formatter, so that %v, %+v, %#v, %s, %q and %x all redact.
func (v Values) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer for callers that do not go through fmt.
func (v Values) String() string { return Redacted }

// LogValue implements slog.LogValuer.
func (v Values) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON implements json.Marshaler.
func (v Values) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// MarshalYAML implements yaml.Marshaler.
func (v Values) MarshalYAML() (any, error) { return Redacted, nil }
