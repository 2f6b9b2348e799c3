package selection_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
)

// stemcell packs files as a stemcell.
func stemcell(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const lightManifest = "name: bosh-aws\ncloud_properties:\n  ami:\n    us-east-1: ami-1\n    eu-west-1: ami-2\n"

func TestStemcellImages_readsTheManifest(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		want int
		err  string
	}{
		"light":              {body: stemcell(t, map[string]string{"image": "", "stemcell.MF": lightManifest}), want: 2},
		"with a dot":         {body: stemcell(t, map[string]string{"./stemcell.MF": lightManifest}), want: 2},
		"not light":          {body: stemcell(t, map[string]string{"stemcell.MF": "name: bosh-aws\ncloud_properties: {infrastructure: aws}\n"})},
		"no manifest":        {body: stemcell(t, map[string]string{"image": "x"}), err: "has no stemcell.MF"},
		"no archive":         {body: []byte("<html>"), err: "unpack"},
		"cut":                {body: stemcell(t, map[string]string{"stemcell.MF": lightManifest})[:40], err: "unpack"},
		"no YAML":            {body: stemcell(t, map[string]string{"stemcell.MF": "a: [b"}), err: "stemcell.MF"},
		"a bomb of zeroes":   {body: stemcell(t, map[string]string{"image": strings.Repeat("\x00", 40<<20)}), err: "unpack"},
		"a manifest too big": {body: stemcell(t, map[string]string{"stemcell.MF": "a: " + strings.Repeat("x", 3<<20)})},
	} {
		got, err := selection.StemcellImages(bytes.NewReader(test.body))
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) || len(got) != test.want {
			t.Errorf("%s: %v, %v; want %d images and error %q", name, got, err, test.want, test.err)
		}
	}
}

func FuzzStemcellImages(f *testing.F) {
	f.Add(stemcell(f, map[string]string{"image": "", "stemcell.MF": lightManifest}))
	f.Add(stemcell(f, map[string]string{"stemcell.MF": "cloud_properties: {ami: [1, 2]}"}))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		images, err := selection.StemcellImages(bytes.NewReader(body))
		if err != nil && images != nil {
			t.Errorf("images %v beside error %v", images, err)
		}
	})
}
