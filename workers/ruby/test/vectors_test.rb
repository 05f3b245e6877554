# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/orchestrator_decoder"

# Every vector of `protocol/vectors` through the codec: what a worker hears through the SDK's own, what it says through the tests'.
class VectorsTest < Minitest::Test
  FOLDER = File.expand_path("../../../protocol/vectors", __dir__)

  def self.vectors(kind)
    Dir[File.join(FOLDER, kind, "**/*.json")].map { |file| [file.delete_prefix("#{FOLDER}/"), JSON.parse(File.read(file))] }
  end

  def self.accepted = @accepted ||= vectors("accept").to_h.transform_keys { |file| File.basename(file) }

  vectors("accept").each do |file, vector|
    define_method("test_accepts_#{file}") do
      message = decode(vector)
      assert_empty message["refused"] || []
      assert_equal decode(self.class.accepted.fetch(vector["equals"])), message if vector["equals"]
      (vector["raw"] || {}).each do |path, text|
        value = at(message, path)
        expected = TaskerWorker::JsonText.parse(text)
        expected.nil? ? assert_nil(value) : assert_equal(expected, value)
        round_trip(value, text) unless text.include?("1e400")
      end
    end
  end

  vectors("reject").each do |file, vector|
    define_method("test_rejects_#{file}") do
      expected = vector["expected"]
      error = refusal_of(vector)
      assert_equal [expected["code"], expected["path"]], [error.code, error.path]
    end
  end

  def test_there_are_vectors
    assert_operator self.class.vectors("accept").size, :>, 40
    assert_operator self.class.vectors("reject").size, :>, 60
  end

  private

  def decode(vector)
    frame = vector["frame_base64"]&.unpack1("m") || vector["frame"].b
    limits = TaskerWorker::DEFAULT_LIMITS.dup
    (vector["limits"] || {}).each { |name, value| limits[name == "values" ? "packed_values" : name] = value }
    return TaskerWorker::Codec.decode(frame, limits: limits) if vector["side"] == "worker"

    TaskerWorker::OrchestratorDecoder.decode(frame, limits: limits)
  end

  def refusal_of(vector)
    refused = decode(vector)["refused"]
    assert_equal 1, refused.size
    assert vector["expected"]["item"]
    refused.first.respond_to?(:error) ? refused.first.error : refused.first
  rescue TaskerWorker::ProtocolError => e
    refute vector["expected"]["item"]
    e
  end

  # What a handler gets and returns is the same value again, integers digit by digit.
  def round_trip(value, text)
    written = TaskerWorker::JsonText.generate(value)
    expected = TaskerWorker::JsonText.parse(text)
    read = TaskerWorker::JsonText.parse(written)
    expected.nil? ? assert_nil(read) : assert_equal(expected, read)
  end

  def at(value, path)
    path.split(/[.\[\]]+/).reject(&:empty?).reduce(value) { |inner, key| inner.is_a?(Array) ? inner[key.to_i] : inner[key] }
  end
end
