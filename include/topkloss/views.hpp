// Non-owning views: of matrices, of vectors, of labels and of noise.
//
// They take temporaries, for the sake of calls like f(make_labels()), where the temporary lives until f returns. A view
// that is kept, in options or in a Batch, say, dangles if it was made of one: name the vector first.
#ifndef TOPKLOSS_VIEWS_HPP
#define TOPKLOSS_VIEWS_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "error.hpp"

namespace topkloss {

/// Element type of scores, gradients and row values.
enum class Element : topkloss_dtype {
  float32 = TOPKLOSS_FLOAT32,
  float64 = TOPKLOSS_FLOAT64,
  float16 = TOPKLOSS_FLOAT16,
  bfloat16 = TOPKLOSS_BFLOAT16
};

/// The element type of a C++ type. Specialize it for a 16-bit type of your own, and views take pointers to it:
/// template <> struct topkloss::ElementOf<Eigen::half> { static constexpr Element value = Element::float16; };
template <class T>
struct ElementOf;

template <>
struct ElementOf<float> {
  static constexpr Element value = Element::float32;
};

template <>
struct ElementOf<double> {
  static constexpr Element value = Element::float64;
};

/// A pointer and a length: std::span of C++20, for C++17.
template <class T>
class Span {
 public:
  constexpr Span() noexcept = default;

  constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

  /// Of everything that has data() and size(): std::vector, std::array, std::span.
  template <class Container,
            class = std::enable_if_t<std::is_convertible_v<
                std::remove_pointer_t<decltype(std::declval<Container &>().data())> (*)[], T (*)[]>>,
            class = decltype(std::declval<Container &>().size())>
  constexpr Span(Container &&container) noexcept : data_(container.data()), size_(container.size()) {}

  template <std::size_t N>
  constexpr Span(T (&array)[N]) noexcept : data_(array), size_(N) {}

  constexpr T *data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
  constexpr T *begin() const noexcept { return data_; }
  constexpr T *end() const noexcept { return data_ + size_; }

 private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

/// How far apart a matrix's elements lie, in elements, negative too; 0: as in a contiguous one.
struct Strides {
  /// From one row to the next; 0: C.
  std::int64_t row = 0;
  /// From one class to the next; 0: 1.
  std::int64_t classes = 0;
  /// Rows in a group, a divisor of B, the same for every matrix of a call; 0: all B. An image is a group, its pixels are
  /// the rows.
  std::int64_t rows_per_group = 0;
  /// From one group to the next; 0: rows_per_group * C.
  std::int64_t group = 0;

  /// Those of a contiguous (N, C, pixels) array, whose N * pixels rows are its pixels.
  static constexpr Strides of_images(std::int64_t classes, std::int64_t pixels) noexcept {
    return {1, pixels, pixels, classes * pixels};
  }
};

/// A matrix that is written, row-major but for its strides. A default one is none.
class Matrix {
 public:
  constexpr Matrix() noexcept = default;

  /// row_stride: elements from one row to the next, negative too; 0: classes.
  template <class T, class = decltype(ElementOf<T>::value)>
  constexpr Matrix(T *data, std::int64_t rows, std::int64_t classes, std::int64_t row_stride = 0) noexcept
      : Matrix(data, ElementOf<T>::value, rows, classes, row_stride) {}

  template <class T, class = decltype(ElementOf<T>::value)>
  constexpr Matrix(T *data, std::int64_t rows, std::int64_t classes, const Strides &strides) noexcept
      : Matrix(data, ElementOf<T>::value, rows, classes, strides) {}

  /// By element code, for 16-bit numbers in whatever type the host keeps them.
  constexpr Matrix(void *data, Element element, std::int64_t rows, std::int64_t classes,
                   std::int64_t row_stride = 0) noexcept
      : Matrix(data, element, rows, classes, Strides{row_stride, 0, 0, 0}) {}

  constexpr Matrix(void *data, Element element, std::int64_t rows, std::int64_t classes,
              const Strides &strides) noexcept
      : data_(data), rows_(rows), classes_(classes), strides_(strides), element_(element) {}

  constexpr void *data() const noexcept { return data_; }
  constexpr Element element() const noexcept { return element_; }
  constexpr std::int64_t rows() const noexcept { return rows_; }
  constexpr std::int64_t classes() const noexcept { return classes_; }
  constexpr std::int64_t row_stride() const noexcept { return strides_.row; }
  constexpr const Strides &strides() const noexcept { return strides_; }

 private:
  void *data_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t classes_ = 0;
  Strides strides_ = {};
  Element element_ = Element::float32;
};

/// A matrix that is read, row-major but for its strides. A default one is none.
class ConstMatrix {
 public:
  constexpr ConstMatrix() noexcept = default;

  /// row_stride: elements from one row to the next, negative too; 0: classes.
  template <class T, class = decltype(ElementOf<std::remove_const_t<T>>::value)>
  constexpr ConstMatrix(T *data, std::int64_t rows, std::int64_t classes, std::int64_t row_stride = 0) noexcept
      : ConstMatrix(data, ElementOf<std::remove_const_t<T>>::value, rows, classes, row_stride) {}

  template <class T, class = decltype(ElementOf<std::remove_const_t<T>>::value)>
  constexpr ConstMatrix(T *data, std::int64_t rows, std::int64_t classes, const Strides &strides) noexcept
      : ConstMatrix(data, ElementOf<std::remove_const_t<T>>::value, rows, classes, strides) {}

  /// By element code, for 16-bit numbers in whatever type the host keeps them.
  constexpr ConstMatrix(const void *data, Element element, std::int64_t rows, std::int64_t classes,
                        std::int64_t row_stride = 0) noexcept
      : ConstMatrix(data, element, rows, classes, Strides{row_stride, 0, 0, 0}) {}

  constexpr ConstMatrix(const void *data, Element element, std::int64_t rows, std::int64_t classes,
              const Strides &strides) noexcept
      : data_(data), rows_(rows), classes_(classes), strides_(strides), element_(element) {}

  constexpr ConstMatrix(const Matrix &matrix) noexcept
      : ConstMatrix(matrix.data(), matrix.element(), matrix.rows(), matrix.classes(), matrix.strides()) {}

  constexpr const void *data() const noexcept { return data_; }
  constexpr Element element() const noexcept { return element_; }
  constexpr std::int64_t rows() const noexcept { return rows_; }
  constexpr std::int64_t classes() const noexcept { return classes_; }
  constexpr std::int64_t row_stride() const noexcept { return strides_.row; }
  constexpr const Strides &strides() const noexcept { return strides_; }

 private:
  const void *data_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t classes_ = 0;
  Strides strides_ = {};
  Element element_ = Element::float32;
};

/// One number a row, of the scores' element type, that is written. A default one is none.
class Values {
 public:
  constexpr Values() noexcept = default;

  template <class T, class = decltype(ElementOf<T>::value)>
  constexpr Values(T *data, std::size_t size) noexcept : Values(data, ElementOf<T>::value, size) {}

  /// By element code, for 16-bit numbers in whatever type the host keeps them.
  constexpr Values(void *data, Element element, std::size_t size) noexcept
      : data_(data), size_(size), element_(element) {}

  /// Of everything that has data() and size().
  template <class Container, class Pointer = decltype(std::declval<Container &>().data()),
            class = decltype(ElementOf<std::remove_pointer_t<Pointer>>::value)>
  constexpr Values(Container &&container) noexcept : Values(container.data(), container.size()) {}

  template <class T, std::size_t N, class = decltype(ElementOf<T>::value)>
  constexpr Values(T (&array)[N]) noexcept : Values(array, N) {}

  constexpr void *data() const noexcept { return data_; }
  constexpr Element element() const noexcept { return element_; }
  constexpr std::size_t size() const noexcept { return size_; }

 private:
  void *data_ = nullptr;
  std::size_t size_ = 0;
  Element element_ = Element::float32;
};

/// Labels: signed integers of 64 or 32 bits. A default one is none.
class Labels {
 public:
  constexpr Labels() noexcept = default;

  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer> && std::is_signed_v<Integer> &&
                                                    (sizeof(Integer) == 8 || sizeof(Integer) == 4)>>
  constexpr Labels(const Integer *data, std::size_t size) noexcept
      : data_(data), size_(size), type_(sizeof(Integer) == 8 ? TOPKLOSS_INT64 : TOPKLOSS_INT32) {}

  /// Of everything that has data() and size().
  template <class Container, class = decltype(Labels(std::declval<Container &>().data(),
                                                     std::declval<Container &>().size()))>
  constexpr Labels(const Container &container) noexcept : Labels(container.data(), container.size()) {}

  template <class Integer, std::size_t N, class = decltype(Labels(std::declval<const Integer *>(), N))>
  constexpr Labels(const Integer (&array)[N]) noexcept : Labels(array, N) {}

  constexpr const void *data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr topkloss_label_type type() const noexcept { return type_; }

 private:
  const void *data_ = nullptr;
  std::size_t size_ = 0;
  topkloss_label_type type_ = TOPKLOSS_INT64;
};

/// Noise for noised top-K in place of the library's own, B x samples x C: double for double logits, float for all
/// others. Its length is trusted: the number of samples is the loss's. A default one is none.
class Noise {
 public:
  constexpr Noise() noexcept = default;

  /// row_stride: elements from one row's noise to the next; 0: samples * C. sample_stride: from one sample's to the
  /// next; 0: C.
  template <class T, class = decltype(ElementOf<T>::value)>
  constexpr Noise(const T *data, std::int64_t row_stride = 0, std::int64_t sample_stride = 0) noexcept
      : data_(data), row_stride_(row_stride), sample_stride_(sample_stride), element_(ElementOf<T>::value) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "noise is float or double");
  }

  constexpr const void *data() const noexcept { return data_; }
  constexpr Element element() const noexcept { return element_; }
  constexpr std::int64_t row_stride() const noexcept { return row_stride_; }
  constexpr std::int64_t sample_stride() const noexcept { return sample_stride_; }

 private:
  const void *data_ = nullptr;
  std::int64_t row_stride_ = 0;
  std::int64_t sample_stride_ = 0;
  Element element_ = Element::float32;
};

namespace detail {

/// An optional view's pointer for the C interface, where null is none. Empty is none here, though a vector that was
/// cleared has a pointer still, from which the library would read. A pointer that is missing is not taken for none.
template <class View>
auto data_or_null(const char *name, const View &view) -> decltype(view.data()) {
  if (view.size() == 0) return nullptr;
  if (view.data() == nullptr)
    throw Error(TOPKLOSS_ERROR_NULL_POINTER,
                std::string(name) + " is null, but has " + std::to_string(view.size()) + " entries");
  return view.data();
}

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_VIEWS_HPP
