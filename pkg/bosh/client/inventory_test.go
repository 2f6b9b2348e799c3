package client_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

func TestPackages_saysWhatHasItsSourceAndWhatIsCompiled(t *testing.T) {
	answer := `{"jobs":[],"packages":[
		{"name":"golang","blobstore_id":null,"sha1":null,"fingerprint":"f1","compiled_packages":[
			{"stemcell":"ubuntu-jammy/1.484","sha1":"s","blobstore_id":"b"},{"stemcell":"ubuntu-noble/1.2","sha1":"s","blobstore_id":"b"}]},
		{"name":"tiny","blobstore_id":"b2","sha1":"s2","fingerprint":"f2","compiled_packages":[]}]}`
	client, director := connect(t, map[string]http.HandlerFunc{"GET /releases/tinyrel": inTurn(text(200, answer), text(404, `{"code":30006,"description":"Release version 'tinyrel/1' doesn't exist"}`))})
	got, err := client.Packages(t.Context(), bosh.Release{Name: "tinyrel", Version: "1+dev.1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []bosh.Package{{Name: "golang", Compiled: []string{"ubuntu-jammy/1.484", "ubuntu-noble/1.2"}}, {Name: "tiny", Source: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if seen := director.seen(); seen[len(seen)-1].uri != "/releases/tinyrel?version=1%2Bdev.1" {
		t.Errorf("asked %s", seen[len(seen)-1].uri)
	}
	if _, err := client.Packages(t.Context(), bosh.Release{Name: "tinyrel", Version: "1"}); !errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("of a version that is not there: %v", err)
	}
}
