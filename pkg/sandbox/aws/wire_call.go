package aws

import (
	"net/http"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// call is one request that was let in.
type call struct {
	action  string // "DescribeRegions"
	region  string // that it was signed for
	account string // of the caller
	arn     string
	form    url.Values // of the query protocol
	body    []byte
	judge   cloudformation.Judge // of what the caller does by way of another service; nil: it may all
}

// noting remembers the status.
type noting struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (n *noting) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// jsonTag is a tag in JSON.
type jsonTag struct{ Key, Value string }
