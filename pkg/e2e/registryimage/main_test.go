package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Nobody need read what may get lost when the program ends: all that the pipes hold is
// white space then.
func TestRespond_endsInMoreThanPipesHold(t *testing.T) {
	const pipes = 64<<10 + 32<<10 + 64<<10
	var out bytes.Buffer
	if err := respond(&out, []map[string]string{{"tag": "1.2.0"}}); err != nil {
		t.Fatal(err)
	}
	read := out.Bytes()[:out.Len()-pipes]
	var versions []map[string]string
	if err := json.Unmarshal(read, &versions); err != nil || len(versions) != 1 || versions[0]["tag"] != "1.2.0" {
		t.Errorf("without the last %d bytes: %v, %v", pipes, versions, err)
	}
}
