# frozen_string_literal: true

# `tasker_worker`: runs the steps of Tasker's tasks in Ruby. Handlers are tested with `require "tasker_worker/testing"`.
module TaskerWorker
end

require_relative "tasker_worker/version"
require_relative "tasker_worker/handler/errors"
require_relative "tasker_worker/worker"
require_relative "tasker_worker/base_task_handler"
