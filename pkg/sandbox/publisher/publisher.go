// Package publisher signs releases of Perpetual as their publisher does, with a key of the
// sandbox.
package publisher

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
)

// private signs Perpetual's releases here. It is no more secret than all the rest: the
// built-in keys of a real Perpetual are others, so whoever wants to try these releases has
// to say that Key counts.
var private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("sandbox "), 4))

// Key is the public half of the key that signs Perpetual's releases here, as
// source.watch.perpetual.keys and versions.perpetual_keys take it.
var Key = func() string {
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		panic(err) // an Ed25519 key has a form
	}
	return base64.StdEncoding.EncodeToString(der)
}()

// payloadType is what the signatures of Perpetual's releases are for.
const payloadType = "application/vnd.perpetual-ci.release.v1+json"

// ImageDigest is the digest of an image of Perpetual's here, "resource" or "installer".
func ImageDigest(version, image string) string {
	return digest([]byte("image " + image + " of Perpetual " + version))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Statement is the signed statement of a release of Perpetual's, in the envelope of DSSE
// (github.com/secure-systems-lab/dsse, protocol.md): of the files and images, {"resource":
// "sha256:…"}; nil are those of ImageDigest.
func Statement(version string, made time.Time, images map[string]string, files ...github.Asset) github.Asset {
	if images == nil {
		images = map[string]string{"resource": ImageDigest(version, "resource"), "installer": ImageDigest(version, "installer")}
	}
	digests := map[string]string{}
	for _, f := range files {
		digests[f.Name] = digest(f.Content)
	}
	payload, err := json.Marshal(map[string]any{"version": version, "made": made.UTC().Format(time.RFC3339), "images": images, "files": digests})
	if err != nil {
		panic(err) // these are texts
	}
	message := "DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " " + string(payload)
	text, err := json.Marshal(map[string]any{
		"payloadType": payloadType, "payload": payload,
		"signatures": []any{map[string]any{"keyid": "sandbox", "sig": ed25519.Sign(private, []byte(message))}},
	})
	if err != nil {
		panic(err)
	}
	return github.Asset{Name: "perpetual-" + version + ".signed.json", Content: text, ContentType: "application/json"}
}
