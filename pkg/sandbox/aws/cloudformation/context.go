package cloudformation

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
)

type judgeKey struct{}

// WithJudge gives a request's context the judge of its caller: with the rights of the
// caller CloudFormation makes, changes and deletes resources. Without one it may all.
func WithJudge(ctx context.Context, judge handler.Judge) context.Context {
	return context.WithValue(ctx, judgeKey{}, judge)
}

// judgeOf is the judge of a request; nil: everything is allowed.
func judgeOf(ctx context.Context) handler.Judge {
	judge, _ := ctx.Value(judgeKey{}).(handler.Judge)
	return judge
}
