package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
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

// TestReference_ofADigestIsNotMovedByATag retags a version, as somebody does who may push
// to the registry.
func TestReference_ofADigestIsNotMovedByATag(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/perpetual"
	signed, foreign := push(t, repository+":1.3.0"), push(t, repository+":1.3.0")
	if signed == foreign {
		t.Fatal("there is one image")
	}
	for name, text := range map[string]string{
		"the source of a resource type": `{"source": {"repository": "` + repository + `", "tag": "` + signed + `"}}`,
		"the version of a task's image": `{"source": {"repository": "` + repository + `", "tag": "1.3.0"}, "version": {"tag": "1.3.0", "digest": "` + signed + `"}}`,
	} {
		var r request
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got := fetched(t, r); got != signed {
			t.Errorf("%s gives %s, want the signed %s", name, got, signed)
		}
	}
	var by request
	by.Source.Repository, by.Source.Tag = repository, "1.3.0"
	if got := fetched(t, by); got != foreign {
		t.Errorf("the tag gives %s, want the foreign %s: it proves nothing", got, foreign)
	}
}

// push makes an image, and gives its digest.
func push(t *testing.T, to string) string {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := name.NewTag(to, name.Insecure)
	if err == nil {
		err = remote.Write(reference, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	return digestOf(t, image)
}

func fetched(t *testing.T, r request) string {
	t.Helper()
	reference, err := r.reference()
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(reference)
	if err != nil {
		t.Fatal(err)
	}
	return digestOf(t, image)
}

func digestOf(t *testing.T, image v1.Image) string {
	t.Helper()
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
