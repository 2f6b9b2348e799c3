package wire

import (
	"net/http"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// Call is one request that was let in.
type Call struct {
	Action  string // "DescribeRegions"
	Region  string // that it was signed for
	Account string // of the caller
	ARN     string
	Form    url.Values // of the query protocol
	Body    []byte
	Judge   cloudformation.Judge // of what the caller does by way of another service; nil: it may all
}

// Noting remembers the status.
type Noting struct {
	http.ResponseWriter
	Status int
}

// WriteHeader implements http.ResponseWriter.
func (n *Noting) WriteHeader(status int) {
	if n.Status == 0 {
		n.Status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// Tag is a tag in JSON.
type Tag struct{ Key, Value string }
