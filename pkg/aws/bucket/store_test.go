package bucket_test

import (
	"net/http/httptest"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

func TestBucket_keepsTheContractOfStores(t *testing.T) {
	statetest.Run(t, func(t *testing.T) func() state.Store {
		simulator, err := s3.New("state")
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(simulator)
		t.Cleanup(server.Close)
		return func() state.Store {
			b, err := bucket.New(bucket.Options{
				Bucket: "state", Prefix: "ci", Endpoint: server.URL, PathStyle: true,
				Credentials: aws.Credentials{AccessKey: "AKIATEST", SecretKey: secret.New("s3cret")},
			})
			if err != nil {
				t.Error(err)
			}
			return b
		}
	})
}
