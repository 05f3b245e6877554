# frozen_string_literal: true

require_relative "test_helper"

class TestingTest < Minitest::Test
  include TaskerWorker

  def run_handler(...) = Testing.run_handler(...)

  def test_a_block_is_run_with_the_step_that_the_test_describes
    result = run_handler(context: { order_id: 5 }, previous_results: { first: { ok: true } }, config: { a: 1 }, attempt: 2, max_attempts: 2,
                         cursor: { at: 7 }) do |step|
      { seen: [step.context["order_id"], step.previous_results["first"], step.config["a"], step.last_attempt?, step.cursor["at"]] }
    end
    assert_predicate result, :completed?
    assert_equal({ "seen" => [5, { "ok" => true }, 1, true, 7] }, result.output)
    assert_nil result.error
  end

  def test_it_runs_in_the_thread_of_the_test
    thread = nil
    run_handler { thread = Thread.current }
    assert_same Thread.current, thread
  end

  def test_a_class_of_the_seeds_form
    handler = Class.new { def process(task, sequence, _step) = { id: task.context[:id], before: sequence.result_of(:first) } }
    assert_equal({ "id" => 1, "before" => 2 }, run_handler(handler, context: { id: 1 }, previous_results: { first: 2 }).output)
  end

  def test_errors_say_what_follows
    retryable = run_handler { raise RetryableError.new("busy", retry_after: 30, code: "busy") }
    assert_equal [:failed, "busy", true, 30_000], [retryable.status, retryable.error["code"], retryable.retryable, retryable.retry_after_ms]
    permanent = run_handler { raise PermanentError.new("no", code: "timeout") }
    assert_equal ["handler_timeout", false], [permanent.error["code"], permanent.retryable]
  end

  def test_progress_and_checkpoints_are_remembered
    result = run_handler do |step|
      step.heartbeat(done: 1)
      step.checkpoint(position: 2)
    end
    assert_equal [[{ "done" => 1 }], [{ "position" => 2 }]], [result.heartbeats, result.checkpoints]
  end

  def test_a_handler_that_runs_too_long_is_stopped_and_times_out
    result = run_handler(timeout_ms: 20) { |step| step.wait(10) }
    assert_equal ["timeout", nil], [result.error["code"], result.retryable]
  end

  def test_a_cancelled_step
    assert_equal "cancelled", run_handler(cancel_after_ms: 0) { |step| step.wait(10) }.error["code"]
    assert_equal "cancelled", run_handler(cancel_after_ms: 10) { |step| step.wait(10) }.error["code"]
    assert_equal "went on", run_handler(cancel_after_ms: 0) { "went on" }.output
  end

  def test_an_output_that_is_too_large
    assert_equal "output_too_large", run_handler(max_output_bytes: 10) { "x" * 20 }.error["code"]
  end
end
