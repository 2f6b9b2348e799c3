package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Mark stands in Tainted, so that it is seen whether the text has come anywhere.
const Mark = "tainted"

// Tainted is text with everything in it that terminals obey or do not show.
const Tainted = "\x1b[31m\x1b[2J\x1b]0;title\x07\x1bP+q\x1b\\" + Mark + "\r\b\x00\x7f\u0085\u009b2J\u009d0;x\u009c" +
	"\u061c\u200b\u200e\u202e\u2066\ufeff\u2028\u2029\u00ad\U000e0041"

// Taint is a fault that puts Tainted behind texts in the JSON of every answer, for which
// pick is asked: ".tasks[].description". Others stay as they are. What is not JSON
// stays whole.
func Taint(pick func(place string) bool) Fault {
	return Fault{Kind: Alter, Times: -1, Change: func(_ http.Header, body []byte) []byte { return taint(body, pick) }}
}

// taint does so in one JSON value, or in several behind each other, as of a log.
func taint(body []byte, pick func(place string) bool) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		if err != nil || encoder.Encode(tainted(value, "", pick)) != nil {
			return body
		}
	}
}

func tainted(value any, place string, pick func(string) bool) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = tainted(inner, place+"."+key, pick)
		}
	case []any:
		for i, inner := range v {
			v[i] = tainted(inner, place+"[]", pick)
		}
	case string:
		if pick(place) {
			return v + Tainted
		}
	}
	return value
}
